"""Baselines that tolerate noise or regularise without modelling it: bounded, mixed, random and penalised losses."""
