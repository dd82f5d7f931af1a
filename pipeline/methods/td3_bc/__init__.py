"""Td3 bc."""
