variable "project" {
  description = "Google Cloud project, by its id. It needs billing and a quota for Cloud Run's GPUs in the region."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project's id has 6 to 30 of a-z, 0-9 and -, and begins with a letter."
  }
}

variable "region" {
  description = "Region of everything; one where Cloud Run has the GPU."
  type        = string
  default     = "europe-west4"
}

variable "name" {
  description = "Begins the names of all that is made; another one than a fleet's in the same project."
  type        = string
  default     = "akma-run"
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,17}$", var.name))
    error_message = "5 to 18 of a-z, 0-9 and -, beginning with a letter."
  }
}

variable "akma_version" {
  description = "Tag of the image in the repository that is made here: the version of AKMA."
  type        = string
}

variable "accelerator" {
  description = "GPU of a worker."
  type        = string
  default     = "nvidia-l4"
}

variable "workers" {
  description = "Workers, each with its GPU, paid for from the moment they start, busy or not: 0 when nobody renders."
  type        = number
  default     = 1
  validation {
    condition     = var.workers >= 0 && var.workers <= 100
    error_message = "0 to 100."
  }
}

variable "worker_memory_gib" {
  description = "Memory of a worker, GiB. There is no disk: a video is joined in it, twice its size beside 12 for the rest."
  type        = number
  default     = 32
  validation {
    condition     = var.worker_memory_gib >= 16 && var.worker_memory_gib <= 32
    error_message = "16 to 32, with 8 CPUs."
  }
}

variable "max_upload_mib" {
  description = "Largest song, MiB. There is no disk: four of them at once must fit into the API's 4 GiB."
  type        = number
  default     = 512
  validation {
    condition     = var.max_upload_mib >= 1 && var.max_upload_mib <= 768
    error_message = "1 to 768."
  }
}

variable "max_instances" {
  description = "Most instances of the API."
  type        = number
  default     = 4
}

variable "public" {
  description = "Whether the API's URL is open to all who have an API key; else also Google's own sign-in is asked for."
  type        = bool
  default     = true
}

variable "retention_days" {
  description = "Days that a finished render is kept."
  type        = number
  default     = 30
}

variable "database_tier" {
  description = "Machine type of Cloud SQL."
  type        = string
  default     = "db-custom-1-3840"
}

variable "protected" {
  description = "Whether Terraform refuses to delete bucket and database. Set false, apply, then destroy."
  type        = bool
  default     = true
}
