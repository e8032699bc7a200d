"""Who is who: `canonical` spells identifiers, `matching` groups them (both pure), `resolve` applies the grouping."""
