output "address" {
  description = "What the domain's A record points to."
  value       = google_compute_global_address.https.address
}

output "url" {
  description = "The service, once the certificate is there: up to an hour after the A record."
  value       = "https://${var.domain}"
}

output "image" {
  description = "Push the image here, before the nodes start."
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
