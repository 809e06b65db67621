# HTTPS from outside to the nodes' API.
resource "google_compute_global_address" "https" {
  name       = var.name
  depends_on = [module.base]
}

resource "google_compute_managed_ssl_certificate" "https" {
  name = "${var.name}-${substr(sha256(var.domain), 0, 8)}"

  managed {
    domains = [var.domain]
  }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [module.base]
}

resource "google_compute_ssl_policy" "https" {
  name            = var.name
  profile         = "MODERN"
  min_tls_version = "TLS_1_2"
  depends_on      = [module.base]
}

resource "google_compute_backend_service" "api" {
  name                            = var.name
  load_balancing_scheme           = "EXTERNAL_MANAGED"
  protocol                        = "HTTP"
  port_name                       = "http"
  health_checks                   = [google_compute_health_check.alive.id]
  timeout_sec                     = 3600 # of a request: an upload, a download, or a page that follows a render's events
  connection_draining_timeout_sec = 30

  backend {
    group           = google_compute_region_instance_group_manager.fleet.instance_group
    balancing_mode  = "UTILIZATION"
    capacity_scaler = 1.0
  }

  # A node that lives but answers 5xx only, cut off from the database say, gets no requests for a while.
  outlier_detection {
    consecutive_errors           = 5
    max_ejection_percent         = 50
    enforcing_consecutive_errors = 100
    interval {
      seconds = 10
    }
    base_ejection_time {
      seconds = 60
    }
  }

  iap {
    enabled = length(var.iap_members) > 0
  }

  log_config {
    enable      = true
    sample_rate = 1.0
  }
}

resource "google_iap_web_backend_service_iam_member" "visitor" {
  for_each            = toset(var.iap_members)
  web_backend_service = google_compute_backend_service.api.name
  role                = "roles/iap.httpsResourceAccessor"
  member              = each.value
}

resource "google_compute_url_map" "https" {
  name            = var.name
  default_service = google_compute_backend_service.api.id
}

resource "google_compute_target_https_proxy" "https" {
  name             = var.name
  url_map          = google_compute_url_map.https.id
  ssl_certificates = [google_compute_managed_ssl_certificate.https.id]
  ssl_policy       = google_compute_ssl_policy.https.id
}

resource "google_compute_global_forwarding_rule" "https" {
  name                  = "${var.name}-https"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.https.id
  port_range            = "443"
  target                = google_compute_target_https_proxy.https.id
}

# Who comes by http is sent to https.
resource "google_compute_url_map" "http" {
  name = "${var.name}-http"

  default_url_redirect {
    https_redirect         = true
    redirect_response_code = "PERMANENT_REDIRECT"
    strip_query            = false
  }

  depends_on = [module.base]
}

resource "google_compute_target_http_proxy" "http" {
  name    = "${var.name}-http"
  url_map = google_compute_url_map.http.id
}

resource "google_compute_global_forwarding_rule" "http" {
  name                  = "${var.name}-http"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.https.id
  port_range            = "80"
  target                = google_compute_target_http_proxy.http.id
}

# A network of one's own lets nobody in; the balancer and its health checks come from here:
# cloud.google.com/load-balancing/docs/health-check-concepts#ip-ranges
resource "google_compute_firewall" "balancer" {
  name          = "${var.name}-balancer"
  network       = module.base.network
  direction     = "INGRESS"
  source_ranges = ["35.191.0.0/16", "130.211.0.0/22"]
  target_tags   = ["${var.name}-node"]

  allow {
    protocol = "tcp"
    ports    = [tostring(local.port)]
  }
}

resource "google_compute_firewall" "ssh" {
  count         = var.ssh ? 1 : 0
  name          = "${var.name}-ssh"
  network       = module.base.network
  direction     = "INGRESS"
  source_ranges = ["35.235.240.0/20"] # IAP's tunnel
  target_tags   = ["${var.name}-node"]

  allow {
    protocol = "tcp"
    ports    = ["22"]
  }
}
