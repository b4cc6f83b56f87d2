class FilterModule: pass  # 'its_filter'
