"""Who is who: `canonical` spells identifiers, `matching` groups them (both pure), `resolve` learns of them and
`regrouping` writes down what follows."""
