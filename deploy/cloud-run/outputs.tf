output "url" {
  description = "The service."
  value       = google_cloud_run_v2_service.api.uri
}

output "image" {
  description = "Push the image here first."
  value       = local.image
}

output "bucket" {
  description = "Where songs and videos are."
  value       = module.base.bucket
}

output "database" {
  description = "Cloud SQL instance, for backups."
  value       = module.base.database
}

output "keys" {
  description = "Shows the API keys, to whom may read the secret."
  value       = "gcloud secrets versions access latest --secret=${var.name}-api-keys --project=${var.project}"
}
