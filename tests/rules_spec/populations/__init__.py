"""Other people: segments, lists, populations"""
