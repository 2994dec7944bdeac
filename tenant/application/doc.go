// SPDX-License-Identifier: Apache-2.0

// Package application holds the rules by which a chart becomes a kind of application, and an object of the kind a release:
// the CustomResourceDefinition that is made of an ApplicationDefinition and the schema of the chart's values, what a schema
// can't express there, which changes of it would break stored objects, the HelmRelease of an object, and what an object's
// status says of it.
//
// It takes values and returns values: it knows no API server and no chart archive, starts nothing and reads no clock.
//
// Expressions of health are judged by whoever calls: the HelmRelease of helm-controller 1.4 has no field for them.
package application
