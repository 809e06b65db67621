# The second door: no VMs. The API is a service, the GPU workers are a worker pool that pulls from the same queue.
module "base" {
  source               = "../terraform/base"
  name                 = var.name
  project              = var.project
  region               = var.region
  bucket_location      = null
  retention_days       = var.retention_days
  deleted_days         = 7
  database_tier        = var.database_tier
  database_available   = false
  database_connections = 200
  protected            = var.protected
}

resource "google_project_service" "run" {
  service            = "run.googleapis.com"
  disable_on_destroy = false
}

locals {
  image = "${module.base.repository}/akma:${var.akma_version}"
  environment = {
    AKMA_NODE           = "random" # every instance is called localhost: the entry point draws a name
    AKMA_DATABASE_URL   = module.base.database_url
    AKMA_STORAGE        = "gs://${module.base.bucket}"
    AKMA_RETENTION_DAYS = tostring(var.retention_days)
    PGSSLMODE           = "require"
  }
  api    = merge(local.environment, { AKMA_ROLE = "api", AKMA_MAX_UPLOAD_BYTES = tostring(var.max_upload_mib * 1048576) })
  worker = merge(local.environment, { AKMA_ROLE = "worker" })
}

resource "google_cloud_run_v2_service" "api" {
  name                = var.name
  location            = var.region
  deletion_protection = false # nothing is kept here

  template {
    service_account                  = module.base.identity
    timeout                          = "3600s" # the most there is: who follows a longer render comes back
    max_instance_request_concurrency = 80

    scaling {
      min_instance_count = 1
      max_instance_count = var.max_instances
    }

    vpc_access {
      egress = "PRIVATE_RANGES_ONLY"
      network_interfaces {
        network    = module.base.network
        subnetwork = module.base.subnetwork
      }
    }

    containers {
      name       = "door"
      image      = "nginx:1.28.0-alpine"
      command    = ["/bin/sh", "-c"]
      args       = ["printf '%s' \"$CONFIG\" > /tmp/nginx.conf && exec nginx -c /tmp/nginx.conf -g 'daemon off;'"]
      depends_on = ["akma"]

      ports {
        name           = "h2c"
        container_port = 8080
      }

      env {
        name  = "CONFIG"
        value = file("${path.module}/nginx.conf")
      }

      resources {
        limits   = { cpu = "1", memory = "256Mi" }
        cpu_idle = false
      }

      startup_probe {
        tcp_socket {
          port = 8080
        }
      }
    }

    containers {
      name  = "akma"
      image = local.image

      resources {
        limits            = { cpu = "2", memory = "4Gi" }
        cpu_idle          = false # always: it follows the queue for those who watch
        startup_cpu_boost = true
      }

      startup_probe {
        period_seconds    = 5
        failure_threshold = 40
        http_get {
          path = "/livez"
          port = 3000
        }
      }

      liveness_probe {
        period_seconds    = 15
        failure_threshold = 4
        http_get {
          path = "/livez"
          port = 3000
        }
      }

      dynamic "env" {
        for_each = local.api
        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = module.base.secrets
        content {
          name = env.key
          value_source {
            secret_key_ref {
              secret  = env.value
              version = "latest"
            }
          }
        }
      }
    }
  }

  depends_on = [google_project_service.run]
}

resource "google_cloud_run_v2_service_iam_member" "everybody" {
  count    = var.public ? 1 : 0
  name     = google_cloud_run_v2_service.api.name
  location = var.region
  role     = "roles/run.invoker"
  member   = "allUsers"
}

resource "google_cloud_run_v2_worker_pool" "workers" {
  name                = "${var.name}-workers"
  location            = var.region
  deletion_protection = false

  scaling {
    manual_instance_count = var.workers
  }

  template {
    service_account               = module.base.identity
    gpu_zonal_redundancy_disabled = true # a dead worker's chunks go to the others anyway

    node_selector {
      accelerator = var.accelerator
    }

    vpc_access {
      egress = "PRIVATE_RANGES_ONLY"
      network_interfaces {
        network    = module.base.network
        subnetwork = module.base.subnetwork
      }
    }

    containers {
      image = local.image

      resources {
        limits = {
          cpu              = "8"
          memory           = "${var.worker_memory_gib}Gi"
          "nvidia.com/gpu" = "1"
        }
      }

      startup_probe {
        period_seconds    = 5
        failure_threshold = 40
        http_get {
          path = "/livez"
          port = 3000
        }
      }

      liveness_probe {
        period_seconds    = 15
        failure_threshold = 4
        http_get {
          path = "/livez"
          port = 3000
        }
      }

      dynamic "env" {
        for_each = local.worker
        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = module.base.secrets
        content {
          name = env.key
          value_source {
            secret_key_ref {
              secret  = env.value
              version = "latest"
            }
          }
        }
      }
    }
  }

  depends_on = [google_project_service.run]
}
