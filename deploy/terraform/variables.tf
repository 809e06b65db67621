variable "project" {
  description = "Google Cloud project, by its id. It needs billing and a quota for GPUs in the region."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project's id has 6 to 30 of a-z, 0-9 and -, and begins with a letter."
  }
}

variable "region" {
  description = "Region of everything; one that has the GPU in two zones or more."
  type        = string
  default     = "europe-west4"
  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region is written as europe-west4."
  }
}

variable "zones" {
  description = "Zones of the region that have the GPU (gcloud compute accelerator-types list); empty: three that Google picks."
  type        = list(string)
  default     = []
}

variable "name" {
  description = "Begins the names of all that is made: another one is another fleet in the same project."
  type        = string
  default     = "akma"
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,17}$", var.name)) || var.name == "akma"
    error_message = "5 to 18 of a-z, 0-9 and -, beginning with a letter; or akma."
  }
}

variable "akma_version" {
  description = "Tag of the image in the repository that is made here: the version of AKMA."
  type        = string
  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$", var.akma_version)) && var.akma_version != "latest"
    error_message = "A tag, and not latest: nobody could say what runs, or roll back."
  }
}

variable "machine_type" {
  description = "Machine type of a node. g2-* bring L4s; a2-* A100s and a3-* H100s (no video encoder: x264 encodes)."
  type        = string
  default     = "g2-standard-8"
}

variable "accelerator" {
  description = "GPUs to add to an N1 machine, {type = \"nvidia-tesla-t4\", count = 1}; null where the machine type has them."
  type        = object({ type = string, count = number })
  default     = null
}

variable "image" {
  description = "Google's image of a node: Ubuntu (cloud-init) with NVIDIA's driver, as new as torch's CUDA asks for."
  type        = string
  default     = "projects/ubuntu-os-accelerator-images/global/images/family/ubuntu-accelerator-2404-amd64-with-nvidia-580"
}

variable "secure_boot" {
  description = "Secure Boot on the nodes: only where the image's driver is signed for it, else there is no GPU."
  type        = bool
  default     = false
}

variable "disk_gb" {
  description = "Disk of a node, GB: system 50, image 15, and the renders in work."
  type        = number
  default     = 150
  validation {
    condition     = var.disk_gb >= 100
    error_message = "100 or more."
  }
}

variable "min_nodes" {
  description = "Nodes that are always there; each serves the API too."
  type        = number
  default     = 1
  validation {
    condition     = var.min_nodes >= 1
    error_message = "1 or more: without a node there is no API, and nobody to say how long the queue is."
  }
}

variable "max_nodes" {
  description = "Most nodes: the cap on what an hour costs."
  type        = number
  default     = 4
  validation {
    condition     = var.max_nodes >= var.min_nodes && var.max_nodes <= 200
    error_message = "min_nodes to 200."
  }
}

variable "spot" {
  description = "Spot VMs: a third of the price or less, taken away with 30 seconds' notice when Google wants them."
  type        = bool
  default     = false
}

variable "queue_seconds_per_worker" {
  description = "Seconds of waiting video for each GPU that the fleet grows and shrinks towards. Lower: shorter waits, dearer."
  type        = number
  default     = 600
  validation {
    condition     = var.queue_seconds_per_worker >= 30
    error_message = "30 or more."
  }
}

variable "settings" {
  description = "More AKMA_* variables of the nodes, none of them secret: {AKMA_MAX_QUEUED_JOBS = \"500\"}."
  type        = map(string)
  default     = {}
  validation {
    condition     = alltrue([for key, value in var.settings : can(regex("^AKMA_[A-Z_]+$", key)) && !can(regex("[\n\r]", value))])
    error_message = "Names are AKMA_ and capitals, values one line."
  }
}

variable "domain" {
  description = "Host name of the service; point its A record to the output `address`, the certificate follows."
  type        = string
  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,}$", var.domain))
    error_message = "A host name such as akma.example.com."
  }
}

variable "iap_members" {
  description = "Who passes Identity-Aware Proxy: [\"group:art@example.com\"]; empty: no IAP, API keys alone."
  type        = list(string)
  default     = []
  validation {
    condition     = alltrue([for member in var.iap_members : can(regex("^(user|group|serviceAccount|domain):", member))])
    error_message = "user:, group:, serviceAccount: or domain: and a name. allUsers is not one."
  }
}

variable "ssh" {
  description = "Whether administrators may log in to nodes, through IAP's tunnel and with OS Login."
  type        = bool
  default     = false
}

variable "bucket_location" {
  description = "Location of the bucket; null: the region, where reading from the nodes costs nothing."
  type        = string
  default     = null
}

variable "retention_days" {
  description = "Days that a finished render is kept."
  type        = number
  default     = 30
  validation {
    condition     = var.retention_days >= 1 && var.retention_days <= 3650
    error_message = "1 to 3650."
  }
}

variable "deleted_days" {
  description = "Days that what was deleted from the bucket can be brought back, and is paid for: 0, or 7 to 90."
  type        = number
  default     = 7
  validation {
    condition     = var.deleted_days == 0 || (var.deleted_days >= 7 && var.deleted_days <= 90)
    error_message = "0, or 7 to 90."
  }
}

variable "database_tier" {
  description = "Machine type of Cloud SQL."
  type        = string
  default     = "db-custom-2-7680"
}

variable "database_available" {
  description = "Whether Cloud SQL has a standby in another zone: twice the price, a minute instead of minutes."
  type        = bool
  default     = false
}

variable "database_connections" {
  description = "Connections that the database takes: about 20 for each GPU, and some to spare."
  type        = number
  default     = 500
  validation {
    condition     = var.database_connections >= 100
    error_message = "100 or more."
  }
}

variable "protected" {
  description = "Whether Terraform refuses to delete bucket and database. Set false, apply, then destroy."
  type        = bool
  default     = true
}

variable "alert_emails" {
  description = "Who is told when something is wrong."
  type        = list(string)
  default     = []
}

variable "failures_alert" {
  description = "Failed renders in a quarter of an hour above which somebody is told."
  type        = number
  default     = 3
}
