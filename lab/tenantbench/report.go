// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	// maxChange is how long 1,000 descendants may take to say that a service of the root has changed.
	maxChange = 5 * time.Second
	// maxGrowth is what one tenant more may cost in the largest tree, against the smaller one before it. Above 1 it is not linear;
	// the rest is what retries and requests that are made once add to the smaller tree, or to the larger.
	maxGrowth = 1.25
)

// point is what a tree of one size took.
type point struct {
	size int
	// ready is from the first create until the last tenant is Ready, change from the change of a root's service until the last
	// tenant's status has it.
	ready, change time.Duration
	// reconciles and passes are of tenants one by one and of the whole tree, until ready; requests are those to the API
	// server, by HTTP method.
	reconciles, passes float64
	requests           map[string]float64
	// changed is what of these the change cost.
	changedReconciles, changedPasses, changedRequests float64
	// memory is the controller's resident memory in bytes.
	memory float64
}

func (p point) writes() float64 {
	return p.requests["POST"] + p.requests["PUT"] + p.requests["PATCH"] + p.requests["DELETE"]
}

func (p point) all() float64 { return total(p.requests) }

func total(requests map[string]float64) (sum float64) {
	for _, count := range requests {
		sum += count
	}

	return sum
}

// curve is the points by size.
type curve []point

func (c curve) String() string {
	var out strings.Builder

	fmt.Fprint(&out, "\n| tenants | all Ready s | ms each | reconciles each | passes over the tree | requests each | writes each | ",
		"service of the root changed s | reconciles each | requests each | passes | memory MB |\n|", strings.Repeat("---|", 12), "\n")

	for _, p := range c {
		each := func(of float64) float64 { return of / float64(p.size) }
		fmt.Fprintf(&out, "| %d | %.1f | %.1f | %.2f | %.0f | %.1f | %.1f | %.2f | %.2f | %.1f | %.0f | %.0f |\n", p.size, p.ready.Seconds(),
			each(float64(p.ready.Milliseconds())), each(p.reconciles), p.passes, each(p.all()), each(p.writes()),
			p.change.Seconds(), each(p.changedReconciles), each(p.changedRequests), p.changedPasses, p.memory/1e6)
	}

	return out.String()
}

// missed is nil if the limits hold.
func (c curve) missed() error {
	var all []error

	for i, p := range c {
		if p.size >= 1000 && p.change > maxChange {
			all = append(all, fmt.Errorf("a change at the root took %.2f s to reach %d tenants, the limit is %s", p.change.Seconds(), p.size, maxChange))
		}

		if i == 0 {
			continue
		}

		for what, of := range map[string]func(point) float64{
			"reconciles": func(p point) float64 { return p.reconciles }, "requests": point.all,
		} {
			before, now := of(c[i-1])/float64(c[i-1].size), of(p)/float64(p.size)
			if now > maxGrowth*before {
				all = append(all, fmt.Errorf("%s of each tenant: %.2f with %d tenants, %.2f with %d: they grow faster than the tree",
					what, before, c[i-1].size, now, p.size))
			}
		}
	}

	return errors.Join(all...)
}
