# Response on Kubernetes: the manifests of deploy/kubernetes/respond, so that both say the same. The Secret
# jumpcloud-ocsf-respond (client-secret, http-token) comes from your secrets operator and never from here: what Terraform
# sets stands in its state.

terraform {
  required_version = ">= 1.5"
  required_providers {
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = "~> 2.31"
    }
  }
}

variable "namespace" {
  type    = string
  default = "jumpcloud-ocsf"
}

variable "image" {
  description = "By digest: registry.example.com/jumpcloud-ocsf@sha256:…"
  type        = string
}

variable "replicas" {
  description = "0 until response is needed, then 1; never more."
  type        = number
  default     = 0

  validation {
    condition     = contains([0, 1], var.replicas)
    error_message = "One process writes the journal at a time: 0 or 1."
  }
}

variable "config" {
  description = "Content of config.yaml; see deploy/kubernetes/respond/config.yaml."
  type        = string
}

locals {
  directory = "${path.module}/../kubernetes/respond"
  manifests = {
    for name in ["service-account", "volume-claim", "network-policy", "config", "deployment"] :
    name => yamldecode(file("${local.directory}/${name}.yaml"))
  }
  container = merge(local.manifests.deployment.spec.template.spec.containers[0], { image = var.image })
  changes = {
    config = { data = { "config.yaml" = var.config } }
    deployment = {
      spec = merge(local.manifests.deployment.spec, {
        replicas = var.replicas
        template = merge(local.manifests.deployment.spec.template, {
          spec = merge(local.manifests.deployment.spec.template.spec, { containers = [local.container] })
        })
      })
    }
  }
}

resource "kubernetes_manifest" "respond" {
  for_each = local.manifests
  manifest = merge(
    each.value,
    { metadata = merge(each.value.metadata, { namespace = var.namespace }) },
    lookup(local.changes, each.key, {}),
  )
}
