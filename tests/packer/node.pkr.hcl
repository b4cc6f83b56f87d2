# The same as node_2017.json.
packer {
  required_plugins {
    amazon = {
      version = ">= 1.2"
      source  = "github.com/hashicorp/amazon"
    }
  }
}

variable "region" {
  type = string
  validation {
    condition     = length(var.region) > 0
    error_message = "Give a region."
  }
}

variable "app" {
  type    = string
  default = "cluster"
}

locals {
  node = "${local.prefix}-node"
}

local "prefix" {
  expression = lower(upper(var.app))
}

source "amazon-ebs" "base" {
  region = var.region
  source_ami_filter {
    filters = {
      name             = "debian-9-amd64-*"
      root-device-type = "ebs"
    }
    owners      = ["379101102735"]
    most_recent = true
  }
  instance_type = "t2.micro"
  ssh_username  = "admin"
  ami_name      = "${local.node} {{timestamp}}"
  tags = {
    Name = local.node
    Base = "{{.SourceAMI}} in {{.BuildRegion}}"
  }
  launch_block_device_mappings {
    device_name           = "xvda"
    volume_size           = 8
    delete_on_termination = true
  }
}

build {
  sources = ["source.amazon-ebs.base"]

  provisioner "shell" {
    inline = ["sleep 1"]
  }
  provisioner "shell" {
    inline           = ["apt-get update", "docker ps --format '{{\"{{\"}}.Names}}'"]
    execute_command  = "{{ .Vars }} sudo -E -S sh '{{ .Path }}'"
    environment_vars = ["DEBIAN_FRONTEND=noninteractive"]
    max_retries      = 3
  }
  provisioner "file" {
    source      = "tests/packer/motd"
    destination = "/tmp/motd"
  }
  provisioner "ansible-local" {
    playbook_dir    = "tests/packer/ansible"
    playbook_file   = "tests/packer/ansible/node.yml"
    extra_arguments = ["--extra-vars", "role=node zone=a"]
  }
  provisioner "shell" {
    scripts      = ["tests/packer/clean.sh"]
    pause_before = "2s"
    only         = ["amazon-ebs.base"]
  }
  post-processor "manifest" {
    output = "manifest.json"
    custom_data = {
      app = var.app
    }
  }
}
