variable "name" {
  description = "Begins the names of all that is made."
  type        = string
}

variable "project" {
  description = "Google Cloud project, by its id."
  type        = string
}

variable "region" {
  description = "Region of bucket, database and nodes."
  type        = string
}

variable "bucket_location" {
  description = "Location of the bucket; null: the region, where reading from the nodes costs nothing."
  type        = string
}

variable "retention_days" {
  description = "Days that AKMA keeps a finished render; the bucket's own rule comes a month after it."
  type        = number
}

variable "deleted_days" {
  description = "Days that what was deleted from the bucket can be brought back."
  type        = number
}

variable "database_tier" {
  description = "Machine type of Cloud SQL."
  type        = string
}

variable "database_available" {
  description = "Whether Cloud SQL has a standby in another zone: twice the price, a minute instead of minutes."
  type        = bool
}

variable "database_connections" {
  description = "Connections that the database takes."
  type        = number
}

variable "protected" {
  description = "Whether Terraform refuses to delete bucket and database."
  type        = bool
}
