# Feeds of the console by its API. The provider is version 2: version 3 cannot plan a feed that was removed in the console. What is
# PUT is echoed, so that a plan after an apply is empty, a change made elsewhere shows as drift, and the key is no secret of
# Terraform's state: it lies in a file below console.roots.secrets.

terraform {
  required_version = ">= 1.5"
  required_providers {
    restapi = {
      source  = "Mastercard/restapi"
      version = "~> 2.0"
    }
  }
}

variable "console" {
  description = "As in console.publicUrl."
  type        = string
  default     = "https://console.example.com"
}

variable "console_token" {
  description = "An API token of the console with the role admin."
  type        = string
  sensitive   = true
}

provider "restapi" {
  uri                  = var.console
  create_method        = "PUT"
  write_returns_object = true
  id_attribute         = "name"
  test_path            = "/api/v1/session"
  headers = {
    Authorization = "Bearer ${var.console_token}"
    Content-Type  = "application/json"
  }
}

resource "restapi_object" "acme" {
  path        = "/api/v1/feeds"
  create_path = "/api/v1/feeds/{id}"
  object_id   = "acme"
  data = jsonencode({
    name   = "acme"
    owners = [{ name = "SOC", email = "soc@example.com" }]
    jumpcloud = {
      region     = "us"
      apiKey     = { file = "acme-api-key" }
      eventTypes = ["login", "admin"]
    }
    poll = { interval = "60s" }
  })
}
