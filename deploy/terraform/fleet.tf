# The nodes: GPU VMs that each run the one container, API and workers. A node's name is its workers' (AKMA_NODE) and
# stays when it is repaired or pre-empted: it then takes up its own work at once. One that goes for good leaves its work
# to the others, who notice in seconds. No stateful policy: nothing on a node's disk is worth keeping, and Google lets no
# autoscaler near a group that has one.
locals {
  port  = 3000
  image = "${module.base.repository}/akma:${var.akma_version}"
  environment = merge(var.settings, {
    IMAGE               = local.image
    SECRETS             = join(" ", [for name, secret in module.base.secrets : "${name}=${secret}"])
    PGSSLMODE           = "require"
    AKMA_DATABASE_URL   = module.base.database_url
    AKMA_STORAGE        = "gs://${module.base.bucket}"
    AKMA_RETENTION_DAYS = tostring(var.retention_days)
  })
}

resource "google_compute_instance_template" "node" {
  name_prefix  = "${var.name}-"
  region       = var.region
  machine_type = var.machine_type
  tags         = ["${var.name}-node"]

  disk {
    source_image = var.image
    boot         = true
    auto_delete  = true
    disk_type    = "pd-balanced"
    disk_size_gb = var.disk_gb
  }

  dynamic "guest_accelerator" {
    for_each = var.accelerator == null ? [] : [var.accelerator]
    content {
      type  = guest_accelerator.value.type
      count = guest_accelerator.value.count
    }
  }

  network_interface {
    subnetwork = module.base.subnetwork # and no access_config: no public address
  }

  scheduling {
    on_host_maintenance         = "TERMINATE" # GPUs do not move
    automatic_restart           = !var.spot
    preemptible                 = var.spot
    provisioning_model          = var.spot ? "SPOT" : "STANDARD"
    instance_termination_action = var.spot ? "STOP" : null # the group starts it again, with its name
  }

  service_account {
    email  = module.base.identity
    scopes = ["cloud-platform"] # what it may do is said by its roles
  }

  shielded_instance_config {
    enable_secure_boot          = var.secure_boot
    enable_vtpm                 = true
    enable_integrity_monitoring = true
  }

  metadata = {
    block-project-ssh-keys = "TRUE"
    enable-oslogin         = "TRUE"
    serial-port-enable     = "FALSE"
    user-data = templatefile("${path.module}/cloud-init.yaml", {
      node        = filebase64("${path.module}/node.py")
      environment = join("\n", [for key, value in local.environment : "${key}=${value}"])
    })
  }

  lifecycle {
    create_before_destroy = true
  }
}

# Repair what does not serve; /livez asks nothing of the database, whose bad day should not cost every node.
resource "google_compute_health_check" "alive" {
  name                = "${var.name}-alive"
  check_interval_sec  = 15
  timeout_sec         = 5
  healthy_threshold   = 1
  unhealthy_threshold = 6

  http_health_check {
    port         = local.port
    request_path = "/livez"
  }
}

resource "google_compute_region_instance_group_manager" "fleet" {
  name                             = var.name
  region                           = var.region
  base_instance_name               = var.name
  distribution_policy_zones        = length(var.zones) > 0 ? var.zones : null
  distribution_policy_target_shape = "ANY" # GPUs are where they are

  version {
    instance_template = google_compute_instance_template.node.self_link_unique
  }

  named_port {
    name = "http"
    port = local.port
  }

  auto_healing_policies {
    health_check      = google_compute_health_check.alive.id
    initial_delay_sec = 900 # a first start pulls an image of gigabytes
  }

  # New nodes first, then the old ones go: the API is always there, if the quota has room. Side by side, they leave
  # each other's renders alone.
  update_policy {
    type                         = "PROACTIVE"
    minimal_action               = "REPLACE"
    replacement_method           = "SUBSTITUTE"
    instance_redistribution_type = "NONE"                    # it would move nodes, under new names, to even out zones
    max_surge_fixed              = max(3, length(var.zones)) # one for each zone at least, Google asks for
    max_unavailable_fixed        = 0
  }
}

# Towards so many seconds of waiting video for each GPU; node.py writes the figure, one series a VM.
resource "google_compute_region_autoscaler" "fleet" {
  name   = var.name
  region = var.region
  target = google_compute_region_instance_group_manager.fleet.id

  autoscaling_policy {
    min_replicas    = var.min_nodes
    max_replicas    = var.max_nodes
    cooldown_period = 600 # seconds until a new node takes part

    metric {
      name   = "custom.googleapis.com/akma/queue_seconds_per_worker"
      type   = "GAUGE"
      target = var.queue_seconds_per_worker
    }

    # A node that goes gives its chunks to others, who render them again: one at a time, and only after a calm while.
    scale_in_control {
      max_scaled_in_replicas {
        fixed = 1
      }
      time_window_sec = 900
    }
  }

  depends_on = [google_monitoring_metric_descriptor.akma]
}
