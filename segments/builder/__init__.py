"""The visual rule builder: what it is told, what it may ask, and the page's own small addresses.

The rule stays the JSON that it is; the builder is another way to write it. `frontend/` holds its sources, built with
`npm ci && npm run build` into `segments/static/segments/builder/`, where the built files are kept, so that nobody who
runs the product needs Node.

    vocabulary     the language and the names that the page is drawn from
    suggestions    the commonest values of a trait or property, where they tell about nobody
    eligibility    what each part of a rule costs, how often time turns it, what it reads
    looks          a rule counted for whoever is writing it, with a few of the people
    bounds         how long a question may take
    views          the addresses, for authors signed in to the admin
"""
