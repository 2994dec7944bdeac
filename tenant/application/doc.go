// SPDX-License-Identifier: Apache-2.0

// Package application holds the rules by which a chart becomes a kind of application: the schema of its values becomes that
// of a CustomResourceDefinition, and says what that can't express.
//
// It takes values and returns values: it knows no API server and no chart archive, starts nothing and reads no clock.
//
// Still missing: the rest of the CustomResourceDefinition, the release that an object becomes, and what an object's status
// says of it.
package application
