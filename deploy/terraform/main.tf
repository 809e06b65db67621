# Bucket, database, secrets, network, and who the nodes are: also what deploy/cloud-run stands on.
module "base" {
  source               = "./base"
  name                 = var.name
  project              = var.project
  region               = var.region
  bucket_location      = var.bucket_location
  retention_days       = var.retention_days
  deleted_days         = var.deleted_days
  database_tier        = var.database_tier
  database_available   = var.database_available
  database_connections = var.database_connections
  protected            = var.protected
}
