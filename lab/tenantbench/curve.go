// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// maxPassing is how long it may take to resolve 1,000 descendants anew after a service of the root has changed.
	maxPassing = 5 * time.Second
	// maxOverFloor is how many times as long as the same writes by somebody who does nothing else it may take until the last of them
	// says so. What those take is the API server's, and more than maxPassing on some machines.
	maxOverFloor = 2
	// maxPasses is in how many passes over the tree that happens.
	maxPasses = 1
	// maxGrowth is what one tenant more may cost in the largest tree, against the smaller one before it. Above 1 it is not linear;
	// the rest is what retries and requests that are made once add to the smaller tree, or to the larger.
	maxGrowth = 1.25
	// maxCPUGrowth is the same of CPU time, which is longer where others use the machine's caches.
	maxCPUGrowth = 2
	// maxMemory is the most that may be resident of the controller with 10,000 objects, in bytes.
	maxMemory = 500e6
	// full is how many tenants, and manyObjects how many objects, the limits of time and memory are for.
	full, manyObjects = 1000, 10_000
)

// point is what a tree of one size took.
type point struct {
	size int
	// ready is from the first create until the last tenant is Ready.
	ready time.Duration
	// cost is that of the tree until the controller was done, and changes those of a service of the root.
	cost    sample
	changes []change
	// floor is how long the writes of one change take from somebody who does nothing else.
	floor time.Duration
	// objects is how many the controller's caches hold at the end.
	objects int
}

// fastest is the change that took the least.
func (p point) fastest() change {
	return slices.MinFunc(p.changes, func(a, b change) int { return int(a.took - b.took) })
}

// overFloor is how many times as long as its writes alone the fastest change took.
func (p point) overFloor() float64 { return float64(p.fastest().took) / float64(p.floor) }

// passes is the most that a change took.
func (p point) passes() (most float64) {
	for _, one := range p.changes {
		most = max(most, one.cost.passes)
	}

	return most
}

// peak is the most memory that was ever resident, in bytes.
func (p point) peak() float64 { return p.changes[len(p.changes)-1].cost.peak }

// curve is the points by size.
type curve []point

func (c curve) String() string {
	var out strings.Builder

	fmt.Fprint(&out, "\n| tenants | all Ready s | ms each | passes over the tree | all passes s | reconciles each | requests each | GET | POST | PATCH | CPU ms each | ",
		"objects | peak of memory MB | heap MB |\n|", strings.Repeat("---|", 14), "\n")

	for _, p := range c {
		each := func(of float64) float64 { return of / float64(p.size) }
		fmt.Fprintf(&out, "| %d | %.1f | %.1f | %.0f | %.2f | %.2f | %.1f | %.1f | %.1f | %.1f | %.1f | %d | %.0f | %.0f |\n", p.size, p.ready.Seconds(),
			each(float64(p.ready.Milliseconds())), p.cost.passes, p.cost.passing, each(p.cost.reconciles), each(p.cost.all()), each(p.cost.requests["GET"]),
			each(p.cost.requests["POST"]), each(p.cost.requests["PATCH"]), each(p.cost.cpu*1000), p.objects, p.peak()/1e6,
			p.changes[len(p.changes)-1].cost.heap/1e6)
	}

	fmt.Fprint(&out, "\n| tenants | service of the root changed, least s | all s | its writes alone s | ratio | passes | the pass itself ms | reconciles each | requests each | writes each | CPU ms each |\n|",
		strings.Repeat("---|", 11), "\n")

	for _, p := range c {
		best := p.fastest()
		each := func(of float64) float64 { return of / float64(p.size) }

		all := make([]string, 0, len(p.changes))
		for _, one := range p.changes {
			all = append(all, fmt.Sprintf("%.2f", one.took.Seconds()))
		}

		fmt.Fprintf(&out, "| %d | %.2f | %s | %.2f | %.2f | %.0f | %.0f | %.2f | %.1f | %.1f | %.1f |\n", p.size, best.took.Seconds(), strings.Join(all, ", "),
			p.floor.Seconds(), p.overFloor(), p.passes(), best.cost.passing*1000, each(best.cost.reconciles), each(best.cost.all()), each(best.cost.writes()), each(best.cost.cpu*1000))
	}

	return out.String()
}

// missed is nil if the limits hold.
func (c curve) missed() error {
	var all []error

	for i, p := range c {
		if took := p.fastest().cost.passing; took > maxPassing.Seconds() {
			all = append(all, fmt.Errorf("a change at the root took %.2f s to resolve %d tenants anew, the limit is %s", took, p.size, maxPassing))
		}

		if p.size >= full && p.overFloor() > maxOverFloor {
			all = append(all, fmt.Errorf("a change at the root took %.2f times as long to reach %d tenants as its writes alone, the limit is %d",
				p.overFloor(), p.size, maxOverFloor))
		}

		if passes := p.passes(); passes > maxPasses {
			all = append(all, fmt.Errorf("a change at the root took %.0f passes over %d tenants, the limit is %d", passes, p.size, maxPasses))
		}

		if i > 0 {
			all = append(all, p.grown(c[i-1])...)
		}

		if p.peak() > maxMemory {
			all = append(all, fmt.Errorf("with %d tenants the controller had %.0f MB, the limit is %.0f", p.size, p.peak()/1e6, maxMemory/1e6))
		}
	}

	return errors.Join(all...)
}

// grown is what of a tenant's cost is more than in a smaller tree.
func (p point) grown(smaller point) (all []error) {
	for _, one := range []struct {
		what  string
		of    func(sample) float64
		limit float64
	}{
		{"reconciles", func(s sample) float64 { return s.reconciles }, maxGrowth},
		{"requests", sample.all, maxGrowth},
		{"CPU milliseconds", func(s sample) float64 { return s.cpu * 1000 }, maxCPUGrowth},
	} {
		before, now := one.of(smaller.cost)/float64(smaller.size), one.of(p.cost)/float64(p.size)
		if now > one.limit*before {
			all = append(all, fmt.Errorf("%s of each tenant: %.2f with %d tenants, %.2f with %d: they grow faster than the tree",
				one.what, before, smaller.size, now, p.size))
		}
	}

	return all
}
