source "amazon-ebs" "x" {
  ami_name =
}
build {}
