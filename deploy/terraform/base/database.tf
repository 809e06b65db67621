# The renders and the queue: small, and asked often. Locks on executors' names live in sessions: no pooler before it.
resource "google_sql_database_instance" "akma" {
  project             = var.project
  name                = var.name
  region              = var.region
  database_version    = "POSTGRES_17"
  deletion_protection = var.protected

  settings {
    edition                     = "ENTERPRISE"
    tier                        = var.database_tier
    availability_type           = var.database_available ? "REGIONAL" : "ZONAL"
    disk_type                   = "PD_SSD"
    disk_size                   = 20 # GB
    disk_autoresize             = true
    disk_autoresize_limit       = 200
    deletion_protection_enabled = var.protected

    ip_configuration {
      ipv4_enabled    = false
      private_network = google_compute_network.akma.id
      ssl_mode        = "ENCRYPTED_ONLY"
    }

    backup_configuration {
      enabled                        = true
      start_time                     = "03:00" # UTC
      point_in_time_recovery_enabled = true
      transaction_log_retention_days = 7
      backup_retention_settings {
        retained_backups = 14
      }
    }

    maintenance_window {
      day          = 7 # Sunday
      hour         = 4
      update_track = "stable"
    }

    insights_config {
      query_insights_enabled = true
    }

    dynamic "database_flags" {
      for_each = {
        max_connections    = var.database_connections
        log_checkpoints    = "on"
        log_connections    = "on"
        log_disconnections = "on"
        log_lock_waits     = "on"
        log_temp_files     = "0"
      }
      content {
        name  = database_flags.key
        value = database_flags.value
      }
    }
  }

  depends_on = [google_service_networking_connection.services]
}

resource "google_sql_database" "akma" {
  project  = var.project
  instance = google_sql_database_instance.akma.name
  name     = "akma"
}

# Read back from where it was written: a run that broke off between the two would else have drawn another.
ephemeral "google_secret_manager_secret_version" "database_password" {
  project = var.project
  secret  = google_secret_manager_secret.akma["database-password"].secret_id
  version = google_secret_manager_secret_version.akma["database-password"].version
}

resource "google_sql_user" "akma" {
  project             = var.project
  instance            = google_sql_database_instance.akma.name
  name                = "akma"
  password_wo         = ephemeral.google_secret_manager_secret_version.database_password.secret_data
  password_wo_version = local.drawn["database-password"]
}
