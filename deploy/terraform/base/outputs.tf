output "network" {
  description = "The network, by its id."
  value       = google_compute_network.akma.id
}

output "subnetwork" {
  description = "The nodes' part of it, by its id."
  value       = google_compute_subnetwork.nodes.id
}

output "identity" {
  description = "Service account of the nodes, its address."
  value       = google_service_account.akma.email
}

output "bucket" {
  description = "Name of the bucket."
  value       = google_storage_bucket.akma.name
}

output "repository" {
  description = "Where images are pushed."
  value       = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.akma.repository_id}"
}

output "database" {
  description = "Name of the Cloud SQL instance."
  value       = google_sql_database_instance.akma.name
}

output "database_url" {
  description = "AKMA_DATABASE_URL, without the password: that comes as PGPASSWORD."
  value       = "postgresql://${google_sql_user.akma.name}@${google_sql_database_instance.akma.private_ip_address}/${google_sql_database.akma.name}"
}

output "secrets" {
  description = "Names in Secret Manager of the variables that are secret."
  value = {
    PGPASSWORD          = google_secret_manager_secret_version.akma["database-password"].secret
    AKMA_API_KEYS       = google_secret_manager_secret_version.akma["api-keys"].secret
    AKMA_LINK_SECRET    = google_secret_manager_secret_version.akma["link-secret"].secret
    AKMA_WEBHOOK_SECRET = google_secret_manager_secret_version.akma["webhook-secret"].secret
  }
}
