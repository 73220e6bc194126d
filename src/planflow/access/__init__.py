"""Roles, relations and scope: the table of who may do what. Pure functions."""
