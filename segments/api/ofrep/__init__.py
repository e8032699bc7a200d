"""OFREP, the OpenFeature remote evaluation protocol: any OpenFeature client reads segments and traits as flags.

`segment.<key>` is a boolean for every live segment, `trait.<name>` has the type of the trait, `profile` is an object.
A flag without a value leaves the decision to the default in the application's code: that is what somebody unknown, a
trait nobody stated and everything withheld look like. The read itself is `profiles.api.disclosure`, as everywhere.
"""
