class TestModule:
    def tests(self):
        return {'blessed': bool}
