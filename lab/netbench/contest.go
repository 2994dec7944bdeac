// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// bench is one run of the program.
type bench struct {
	rounds int
	span   time.Duration
	out    io.Writer
	below  []string // contests that were lost
}

// result is what one server did in one round.
type result struct {
	work    float64 // MB (10^6 bytes), or answers
	took    time.Duration
	lost    int           // transfers or questions without their answer
	retries int           // packets that clients had to send again
	p99     time.Duration // of one answer; 0: not measured
	cpu     time.Duration
}

// contestant is one server, with the load that it is given in each round.
type contestant struct {
	name   string
	server *process
	isOurs bool
	run    func(context.Context) (result, error)
}

// contest is several servers under the same load.
type contest struct {
	title string
	unit  string        // of work: "MB"
	cpu   string        // of CPU time by work: "ms/MB"
	per   float64       // CPU time in this unit, in seconds
	limit float64       // of ours by the best of the others; 0: only shown
	p99   time.Duration // 0: only shown; a busy machine may exceed it as long as the others do too
	all   []contestant
}

// hold runs all rounds, prints the table and notes what is below the limit.
func (b *bench) hold(ctx context.Context, c contest) error {
	results := make([][]result, len(c.all))
	for round := range b.rounds {
		for i := range c.all {
			i = (i + round) % len(c.all) // nobody is always first
			one := c.all[i]
			before := one.server.cpu()
			r, err := one.run(ctx)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", c.title, one.name, err)
			}
			r.cpu = one.server.cpu() - before
			if err := one.server.lives(); err != nil {
				return err
			}
			results[i] = append(results[i], r)
		}
	}
	fmt.Fprintf(b.out, "\n### %s\n\n| server | %s/s | ours : it | CPU %s | p99 ms | lost | retries |\n|---|---|---|---|---|---|---|\n",
		c.title, c.unit, c.cpu)
	for i, one := range c.all {
		b.row(c, one, results[i], results)
	}
	return nil
}

func (b *bench) row(c contest, one contestant, own []result, all [][]result) {
	lost, retries := 0, 0
	for _, r := range own {
		lost, retries = lost+r.lost, retries+r.retries
	}
	wait := median(own, p99)
	cpu := median(own, func(r result) float64 { return r.cpu.Seconds() / c.per / r.work })
	ratio := "-"
	if one.isOurs {
		least, most, of := b.ratio(c, own, all)
		ratio = fmt.Sprintf("**%.2f** (%s)", least, of)
		switch {
		case lost > 0:
			b.fail("%s: %s: %d lost", c.title, one.name, lost)
		case c.limit > 0 && most < c.limit:
			b.fail("%s: %s: %.2f of %s, and at most %.2f in three of four rounds; want %.2f", c.title, one.name, least, of, most, c.limit)
		case c.p99 > 0 && wait > c.p99.Seconds()*1e3 && wait > b.leastP99(c, all):
			b.fail("%s: %s: p99 is %.1f ms, want %s or what the others have", c.title, one.name, wait, c.p99)
		}
	}
	fmt.Fprintf(b.out, "| %s | %s | %s | %s | %s | %d | %d |\n", one.name, number(median(own, rate)), ratio,
		number(cpu), number(wait), lost, retries)
}

func p99(r result) float64 { return r.p99.Seconds() * 1e3 }

// leastP99 is the best of the others.
func (b *bench) leastP99(c contest, all [][]result) float64 {
	var others []float64
	for i, other := range c.all {
		if !other.isOurs {
			others = append(others, median(all[i], p99))
		}
	}
	return slices.Min(others)
}

func (b *bench) fail(format string, args ...any) {
	b.below = append(b.below, fmt.Sprintf(format, args...))
}

// ratio is ours by theirs within a round, for the one of them against which its median is the least. Most is its upper
// quartile: a contest is lost when three of four rounds were, since on a busy machine two of four prove nothing.
func (b *bench) ratio(c contest, own []result, all [][]result) (least, most float64, of string) {
	for i, other := range c.all {
		if other.isOurs {
			continue
		}
		var ratios []float64
		for round, r := range own {
			ratios = append(ratios, rate(r)/rate(all[i][round]))
		}
		if mid := middle(ratios); of == "" || mid < least {
			least, most, of = mid, ratios[len(ratios)*3/4], other.name // middle has sorted them
		}
	}
	return least, most, of
}

func rate(r result) float64 { return r.work / r.took.Seconds() }

func median(results []result, of func(result) float64) float64 {
	var values []float64
	for _, r := range results {
		values = append(values, of(r))
	}
	return middle(values)
}

func middle(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	if n == 0 {
		return 0
	}
	return (values[(n-1)/2] + values[n/2]) / 2
}

// number has three digits.
func number(value float64) string {
	switch {
	case value == 0:
		return "-"
	case value < 10:
		return fmt.Sprintf("%.2f", value)
	case value < 100:
		return fmt.Sprintf("%.1f", value)
	}
	return fmt.Sprintf("%.0f", value)
}

// load is what else the machine does: the first of /proc/loadavg's numbers.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}
