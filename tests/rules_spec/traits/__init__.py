"""Traits"""
