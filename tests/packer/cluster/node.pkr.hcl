# The same as packer.json.
variable "region" {
  type    = string
  default = "us-east-1"
}

variable "app" {
  type    = string
  default = "cluster"
}

locals {
  node = "${var.app}-node"
}

source "amazon-ebs" "node" {
  region = var.region
  source_ami_filter {
    filters = {
      virtualization-type = "hvm"
      name                = "debian-12-amd64-*"
      root-device-type    = "ebs"
    }
    owners      = ["136693071363"]
    most_recent = true
  }
  instance_type = "t2.micro"
  ssh_username  = "admin"
  ami_name      = local.node
  tags = {
    Name = local.node
    Base = "{{.SourceAMI}} in {{.BuildRegion}}"
  }
  launch_block_device_mappings {
    device_name           = "xvda"
    volume_size           = 8
    volume_type           = "gp2"
    delete_on_termination = true
  }
}

build {
  sources = ["source.amazon-ebs.node"]

  provisioner "shell" {
    inline = ["sleep 1"]
  }
  provisioner "shell" {
    inline           = ["test \"$(id -u)\" = 0", "echo \"$APP\" >/etc/baked-for"]
    environment_vars = ["APP=${var.app}"]
    execute_command  = "{{ .Vars }} sudo -E -S sh '{{ .Path }}'"
  }
  provisioner "ansible-local" {
    playbook_dir  = "ansible"
    playbook_file = "ansible/node.yml"
  }
  post-processor "manifest" {
    output = "manifest.json"
    custom_data = {
      app = var.app
    }
  }
}
