// SPDX-License-Identifier: Apache-2.0

package tenant

import (
	"fmt"

	"k8s.io/apimachinery/pkg/types"
)

// Reason says in one word why a tenant is refused. Reasons are shown in conditions: scripts compare them.
type Reason string

// The reasons, in the order in which they are looked for.
const (
	ParentMissing     Reason = "ParentMissing"
	NameInvalid       Reason = "NameInvalid"
	NameReserved      Reason = "NameReserved"
	NameTooLong       Reason = "NameTooLong"
	ParentNotAccepted Reason = "ParentNotAccepted"
	// ParentDeleting refuses a new tenant below one that is being deleted. One that was accepted before goes in its turn.
	ParentDeleting Reason = "ParentDeleting"
	HostInvalid    Reason = "HostInvalid"
	HostReserved   Reason = "HostReserved"
	HostTaken      Reason = "HostTaken"
	// QuotaInvalid, QuotaMissing, QuotaExceeded and QuotaBelowUse refuse a new tenant. One that was accepted before keeps the
	// bounds it had. QuotaInvalid is a bound that no tenant can have.
	QuotaInvalid  Reason = "QuotaInvalid"
	QuotaMissing  Reason = "QuotaMissing"
	QuotaExceeded Reason = "QuotaExceeded"
	QuotaBelowUse Reason = "QuotaBelowUse"
)

// Refusal is the error of a tenant for which nothing may be created.
type Refusal struct {
	// Tenant is who is refused. Empty where a name was checked that is no tenant yet.
	Tenant types.NamespacedName
	// Namespace is the one the tenant would have. Empty where its name or its place gives none.
	Namespace string
	Reason    Reason
	// Field and Value say what is wrong, Rule why.
	Field, Value, Rule string
	// Holder is the namespace of the tenant that holds the host (HostTaken) or is not accepted itself
	// (ParentNotAccepted). It is for platform operators: the error text is shown to tenants, who may not learn the names of
	// others, and leaves it out unless it is the tenant's own ancestor.
	Holder string
	// Holds is what the tenant has from when it was accepted: nobody else gets it, and it gets no more. Nil: it never was.
	Holds *Quota

	hint string
}

func (r *Refusal) Error() string { return fmt.Sprintf("%s: %q: %s", r.Field, r.Value, r.Rule) }

// Hint is the next step, in the words of whoever made the tenant.
func (r *Refusal) Hint() string { return r.hint }

// refuseLate is the answer to a tenant that comes into the namespace of one that is being deleted.
func refuseLate(namespace string) *Refusal {
	return &Refusal{
		Reason: ParentDeleting, Field: "metadata.namespace", Value: namespace,
		Rule: "the tenant of this namespace is being deleted, and nothing more is created in it", Holder: namespace,
		hint: "create it in another tenant",
	}
}
