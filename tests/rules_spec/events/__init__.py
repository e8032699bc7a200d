"""Events"""
