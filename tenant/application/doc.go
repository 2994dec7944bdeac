// SPDX-License-Identifier: Apache-2.0

// Package application holds the rules by which a chart becomes a kind of application: the CustomResourceDefinition that is
// made of an ApplicationDefinition and the schema of the chart's values, what a schema can't express there, and which
// changes of it would break stored objects.
//
// It takes values and returns values: it knows no API server and no chart archive, starts nothing and reads no clock.
//
// Still missing: the release that an object becomes, and what an object's status says of it.
package application
