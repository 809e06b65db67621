resource "google_compute_network" "akma" {
  project                 = var.project
  name                    = var.name
  auto_create_subnetworks = false
  depends_on              = [google_project_service.used]
}

resource "google_compute_subnetwork" "nodes" {
  project                  = var.project
  name                     = "${var.name}-nodes"
  region                   = var.region
  network                  = google_compute_network.akma.id
  ip_cidr_range            = "10.20.0.0/20"
  private_ip_google_access = true # bucket, secrets and registry without an address of one's own

  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = 0.1
  }
}

# Nodes have no public address; what they fetch from outside (the container toolkit, webhooks) goes through here.
resource "google_compute_router" "akma" {
  project = var.project
  name    = var.name
  region  = var.region
  network = google_compute_network.akma.id
}

resource "google_compute_router_nat" "akma" {
  project                            = var.project
  name                               = var.name
  region                             = var.region
  router                             = google_compute_router.akma.name
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "ALL_SUBNETWORKS_ALL_IP_RANGES"
}

# Cloud SQL lives in a network of Google's that is joined to this one.
resource "google_compute_global_address" "services" {
  project       = var.project
  name          = "${var.name}-services"
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  prefix_length = 20
  network       = google_compute_network.akma.id
}

resource "google_service_networking_connection" "services" {
  network                 = google_compute_network.akma.id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.services.name]
  depends_on              = [google_project_service.used]
}
