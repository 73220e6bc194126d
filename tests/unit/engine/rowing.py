"""A small protocol of another world: three levels of a rowing club, down first, then up, then adjust."""

ROWING = """\
name: rowing-season
version: 1
title: {zh: 赛季训练计划, en: Season plan}
levels:
  - {name: club, title: {zh: 俱乐部, en: Club}}
  - {name: squad, title: {zh: 队, en: Squad}}
  - {name: crew, title: {zh: 艇, en: Crew}}
  - {name: seat, title: {zh: 座, en: Seat}}
indicators:
  - name: kilometres
    title: {zh: 公里, en: Kilometres}
    unit: {zh: 公里, en: km}
    rollup: sum
    required_in: [plan, answer]
  - name: drift
    title: {zh: 偏差, en: Drift}
    unit: {zh: 次, en: times}
    rollup: sum
    minimum: -5
  - name: cox
    title: {zh: 舵手, en: Cox}
    unit: {zh: 人, en: persons}
    rollup: sum
    entry_level: crew
    applies_to: eight
    maximum: 1
rounds:
  - name: plan
    title: {zh: 教练下达, en: "Coach's plan"}
    kind: down
    levels: [club, squad]
    binding: true
  - {name: answer, title: {zh: 各艇上报, en: Answer}, kind: up, answers: plan}
  - {name: fixed, title: {zh: 定案, en: Fixed}, kind: down, binding: true}
  - name: tweak
    title: {zh: 微调, en: Tweak}
    kind: adjust
    base: fixed
    bounds:
      level: squad
      indicators:
        kilometres: {percent: 10, absolute: 0}
        drift: {percent: 0, absolute: 3}
        cox: {percent: 0, absolute: 1}
reason_codes:
  - {name: wind, title: {zh: 风, en: Wind}, purposes: [return, settle, reconcile, issue, adjust]}
markup: forbid
"""
