"""Combining rules"""
