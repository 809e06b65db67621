terraform {
  required_version = ">= 1.11, < 2.0"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 7.0, < 8.0"
    }
    random = {
      source  = "hashicorp/random"
      version = ">= 3.7, < 4.0"
    }
  }
  # The state holds no secret; keep it in a bucket of your own all the same, so that two people do not apply at once:
  # terraform init -backend-config=bucket=NAME, after adding backend "gcs" {} here.
}

provider "google" {
  project = var.project
  region  = var.region
}
