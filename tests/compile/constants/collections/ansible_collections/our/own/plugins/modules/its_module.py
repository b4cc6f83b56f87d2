# its_module
