# What node.py writes, made known beforehand: an autoscaler and alerts may then name it before the first node has.
locals {
  metrics = {
    queue_seconds_per_worker = "Seconds of waiting video for each worker"
    queue_seconds            = "Seconds of waiting video"
    queue_length             = "Renders that wait"
    workers                  = "Workers that live"
    failed_renders           = "Renders that failed and are kept"
    frames_rendered_total    = "Frames that this node has rendered since it started"
    database_up              = "1 where the database answers"
    disk_used_ratio          = "Part of the node's disk that is used"
  }

  # In PromQL; akma_NAME stands for the metric's whole name. Every node tells of the whole fleet: max, not sum.
  alerts = {
    queue = {
      title = "nobody begins what waits"
      query = "max(akma_queue_length) > 0"
      after = "1800s"
      page  = false
    }
    behind = {
      title = "the fleet does not follow the queue"
      query = "avg(akma_queue_seconds_per_worker) > ${3 * var.queue_seconds_per_worker}"
      after = "1800s"
      page  = false
    }
    failures = {
      title = "renders fail"
      query = "max(akma_failed_renders) - max(akma_failed_renders offset 15m) > ${var.failures_alert}"
      after = "0s"
      page  = false
    }
    workers = {
      title = "no workers"
      query = "(max(akma_workers) < 1) or absent(akma_workers)"
      after = "600s" # a fleet of one that is being upgraded has none for some minutes
      page  = true
    }
    node-database = {
      title = "a node does not reach the database"
      query = "min(akma_database_up) < 1"
      after = "300s"
      page  = true
    }
    disk = {
      title = "a node's disk is nearly full"
      query = "max by (instance_id) (akma_disk_used_ratio) > 0.85"
      after = "300s"
      page  = false
    }
    database-disk = {
      title = "the database's disk is nearly full"
      query = "max(cloudsql_googleapis_com:database_disk_utilization{database_id=\"${var.project}:${module.base.database}\"}) > 0.85"
      after = "300s"
      page  = true
    }
    database-cpu = {
      title = "the database is busy"
      query = "max(cloudsql_googleapis_com:database_cpu_utilization{database_id=\"${var.project}:${module.base.database}\"}) > 0.9"
      after = "900s"
      page  = false
    }
  }

  charts = {
    "Renders that wait"                    = "max(akma_queue_length)"
    "Seconds of video that wait"           = "max(akma_queue_seconds)"
    "… for each worker (autoscaler)"       = "avg(akma_queue_seconds_per_worker)"
    "Workers"                              = "max(akma_workers)"
    "Nodes"                                = "count(akma_disk_used_ratio)"
    "Frames a second, all nodes"           = "sum(clamp_min(deriv(akma_frames_rendered_total[5m]), 0))"
    "Failed renders"                       = "max(akma_failed_renders)"
    "Disks of the nodes"                   = "max by (instance_id) (akma_disk_used_ratio)"
    "Database, CPU"                        = "max(cloudsql_googleapis_com:database_cpu_utilization{database_id=\"${var.project}:${module.base.database}\"})"
    "Database, connections"                = "sum(cloudsql_googleapis_com:database_postgresql_num_backends{database_id=\"${var.project}:${module.base.database}\"})"
    "Requests a second, by answer"         = "sum by (response_code_class) (rate(loadbalancing_googleapis_com:https_request_count{backend_target_name=\"${var.name}\"}[5m]))"
    "Gigabytes in the bucket (once a day)" = "sum(storage_googleapis_com:storage_total_bytes{bucket_name=\"${module.base.bucket}\"}) / 1e9"
  }
}

locals {
  whole = "custom_googleapis_com:akma_$1{monitored_resource=\"gce_instance\"}"
}

resource "google_monitoring_metric_descriptor" "akma" {
  for_each     = local.metrics
  type         = "custom.googleapis.com/akma/${each.key}"
  display_name = "AKMA: ${each.key}"
  description  = each.value
  metric_kind  = "GAUGE"
  value_type   = "DOUBLE"
  depends_on   = [module.base]
}

resource "google_monitoring_notification_channel" "email" {
  for_each     = toset(var.alert_emails)
  display_name = "AKMA: ${each.value}"
  type         = "email"
  labels       = { email_address = each.value }
  depends_on   = [module.base]
}

resource "google_monitoring_alert_policy" "akma" {
  for_each              = local.alerts
  display_name          = "${var.name}: ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.page ? "CRITICAL" : "WARNING"
  notification_channels = [for channel in google_monitoring_notification_channel.email : channel.id]

  conditions {
    display_name = each.value.title
    condition_prometheus_query_language {
      query               = replace(each.value.query, "/\\bakma_([a-z_]+)/", local.whole)
      duration            = each.value.after
      evaluation_interval = "60s"
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "What it means and what to do: deploy/README.md, alert `${each.key}`."
  }

  depends_on = [google_monitoring_metric_descriptor.akma]
}

resource "google_monitoring_dashboard" "akma" {
  dashboard_json = jsonencode({
    displayName = "AKMA (${var.name})"
    mosaicLayout = {
      columns = 48
      tiles = [
        for index, title in keys(local.charts) : {
          xPos   = index % 3 * 16
          yPos   = floor(index / 3) * 12
          width  = 16
          height = 12
          widget = {
            title = title
            xyChart = {
              dataSets = [{
                plotType        = "LINE"
                timeSeriesQuery = { prometheusQuery = replace(local.charts[title], "/\\bakma_([a-z_]+)/", local.whole) }
              }]
            }
          }
        }
      ]
    }
  })
  depends_on = [google_monitoring_metric_descriptor.akma]
}
