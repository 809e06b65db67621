# Drawn once, written to Secret Manager, and never in Terraform's state. A new one: raise its number in `drawn`.
locals {
  drawn = {
    database-password = 1
    api-keys          = 1
    link-secret       = 1
    webhook-secret    = 1
  }
}

ephemeral "random_password" "drawn" {
  for_each = local.drawn
  length   = 40
  special  = false
}

resource "google_secret_manager_secret" "akma" {
  for_each  = local.drawn
  project   = var.project
  secret_id = "${var.name}-${each.key}"

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }

  depends_on = [google_project_service.used]
}

resource "google_secret_manager_secret_version" "akma" {
  for_each               = local.drawn
  secret                 = google_secret_manager_secret.akma[each.key].id
  secret_data_wo_version = each.value
  secret_data_wo = (
    each.key == "api-keys"
    ? "admin:admin:${ephemeral.random_password.drawn[each.key].result}"
    : ephemeral.random_password.drawn[each.key].result
  )
}

resource "google_secret_manager_secret_iam_member" "reader" {
  for_each  = local.drawn
  project   = var.project
  secret_id = google_secret_manager_secret.akma[each.key].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.akma.member
}
