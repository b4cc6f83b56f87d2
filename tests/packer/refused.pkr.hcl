data "amazon-ami" "base" {
  owners = ["self"]
}

variable "region" {}

source "amazon-ebs" "base" {
  region     = var.regoin
  ami_name   = nosuch("x")
  fleet_tags = { a = "b" }
}

build {
  sources = ["source.amazon-ebs.base", "source.amazon-ebs.bse"]
  provisioner "chef-solo" {}
}
