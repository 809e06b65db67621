# Who the nodes are. Rights are given on the things themselves, beside them; these two have no thing.
resource "google_service_account" "akma" {
  project      = var.project
  account_id   = var.name
  display_name = "AKMA's nodes"
  depends_on   = [google_project_service.used]
}

resource "google_project_iam_member" "telemetry" {
  for_each = toset(["roles/logging.logWriter", "roles/monitoring.metricWriter"])
  project  = var.project
  role     = each.value
  member   = google_service_account.akma.member
}
