"""Consent"""
