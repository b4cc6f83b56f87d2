F = {'of_role': str}
