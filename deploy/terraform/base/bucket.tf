# Songs, chunks, videos, imported networks. No versioning: every key is written once and then read, a render's chunks
# alone would be kept twice; soft delete brings back what was deleted by mistake, whole, without a second copy of
# what nobody deleted.
resource "google_storage_bucket" "akma" {
  project                     = var.project
  name                        = "${var.project}-${var.name}"
  location                    = coalesce(var.bucket_location, var.region)
  storage_class               = "STANDARD"
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.protected

  versioning {
    enabled = false
  }

  soft_delete_policy {
    retention_duration_seconds = var.deleted_days * 86400
  }

  # What a browser or an import left here is of no use after a day.
  lifecycle_rule {
    condition {
      age            = 1
      matches_prefix = ["previews/", "imports/"]
    }
    action {
      type = "Delete"
    }
  }

  # AKMA removes what is past its days itself; this is for renders whose database was lost. models/ stays.
  lifecycle_rule {
    condition {
      age            = var.retention_days + 30
      matches_prefix = ["renders/"]
    }
    action {
      type = "Delete"
    }
  }

  lifecycle_rule {
    condition {
      age = 7
    }
    action {
      type = "AbortIncompleteMultipartUpload"
    }
  }

  depends_on = [google_project_service.used]
}

# Objects, and nothing of the bucket itself.
resource "google_storage_bucket_iam_member" "objects" {
  bucket = google_storage_bucket.akma.name
  role   = "roles/storage.objectUser"
  member = google_service_account.akma.member
}

resource "google_artifact_registry_repository" "akma" {
  project       = var.project
  location      = var.region
  repository_id = var.name
  description   = "The image of every node"
  format        = "DOCKER"

  docker_config {
    immutable_tags = true # a version is one image, so that rolling back brings the old one
  }

  depends_on = [google_project_service.used]
}

resource "google_artifact_registry_repository_iam_member" "reader" {
  project    = var.project
  location   = google_artifact_registry_repository.akma.location
  repository = google_artifact_registry_repository.akma.name
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.akma.member
}
