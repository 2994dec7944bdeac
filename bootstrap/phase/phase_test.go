// SPDX-License-Identifier: Apache-2.0

package phase

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

type recorder struct{ events []Event }

func (r *recorder) Report(e Event) { r.events = append(r.events, e) }

func (r *recorder) states() []string {
	out := make([]string, len(r.events))
	for i, e := range r.events {
		out[i] = e.Phase + " " + string(e.State)
	}
	return out
}

func run(calls *[]string, id string) Phase {
	return Phase{ID: id, Title: "do " + id, Run: func(context.Context, Say) error {
		*calls = append(*calls, id)
		return nil
	}}
}

func TestRunsInOrderAndSkipsWhatIsDone(t *testing.T) {
	var calls []string
	done := run(&calls, "b")
	done.Done = func(context.Context) (bool, error) { return true, nil }
	rec := &recorder{}
	results, err := Runner{Reporter: rec}.Run(t.Context(), []Phase{run(&calls, "a"), done, run(&calls, "c")})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "c"}, calls)
	require.Equal(t, []string{"a start", "a done", "b skipped", "c start", "c done"}, rec.states())
	require.Equal(t, []State{Done, Skipped, Done}, []State{results[0].State, results[1].State, results[2].State})
}

func TestStopsAtTheFirstFailureAndTidiesUp(t *testing.T) {
	var calls []string
	boom := errors.New("boom")
	bad := Phase{
		ID: "bad", Title: "do bad",
		Run: func(context.Context, Say) error { return boom },
		Undo: func(ctx context.Context) error {
			calls = append(calls, "undo")
			return ctx.Err()
		},
	}
	_, err := Runner{}.Run(t.Context(), []Phase{bad, run(&calls, "never")})
	require.ErrorIs(t, err, boom)
	var named *Error
	require.ErrorAs(t, err, &named)
	require.Equal(t, "bad", named.Phase)
	require.Equal(t, []string{"undo"}, calls)
}

func TestAnInterruptedPhaseStillTidiesUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	undone := false
	p := Phase{
		ID: "p", Title: "do p",
		Run: func(ctx context.Context, _ Say) error { cancel(); return ctx.Err() },
		Undo: func(ctx context.Context) error {
			undone = ctx.Err() == nil
			return nil
		},
	}
	results, err := Runner{}.Run(ctx, []Phase{p})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, Stopped, results[0].State, "nothing went wrong")
	require.True(t, undone, "undo must get a context that is still alive")
}

func TestAFailureStaysOneIfTidyingUpIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	boom := errors.New("boom")
	rec := &recorder{}
	p := Phase{
		ID: "p", Title: "do p",
		Run:  func(context.Context, Say) error { return boom },
		Undo: func(context.Context) error { cancel(); return nil },
	}
	results, err := Runner{Reporter: rec}.Run(ctx, []Phase{p})
	require.ErrorIs(t, err, boom)
	require.Equal(t, Failed, results[0].State)
	require.Equal(t, []string{"p start", "p failed"}, rec.states())
}

func TestNothingStartsOnceTheContextHasEnded(t *testing.T) {
	var calls []string
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	results, err := Runner{}.Run(ctx, []Phase{run(&calls, "a")})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, Stopped, results[0].State)
	require.Empty(t, calls)
}

func TestBetween(t *testing.T) {
	var calls []string
	all := []Phase{run(&calls, "a"), run(&calls, "b"), run(&calls, "c")}
	for _, tt := range []struct {
		from, until string
		want        []string
		err         string
	}{
		{"", "", []string{"a", "b", "c"}, ""},
		{"b", "", []string{"b", "c"}, ""},
		{"", "b", []string{"a", "b"}, ""},
		{"b", "b", []string{"b"}, ""},
		{"c", "a", nil, `phase "c" comes after "a"`},
		{"x", "", nil, `no phase is called "x"`},
		{"", "x", nil, `no phase is called "x"`},
	} {
		got, err := Between(all, tt.from, tt.until)
		if tt.err != "" {
			require.ErrorContains(t, err, tt.err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, tt.want, ids(got), "from %q until %q", tt.from, tt.until)
	}
}

func TestCheckRefusesBrokenLists(t *testing.T) {
	ok := Phase{ID: "a", Title: "a", Run: func(context.Context, Say) error { return nil }}
	require.NoError(t, Check([]Phase{ok}))
	require.ErrorContains(t, Check([]Phase{ok, ok}), "used twice")
	require.ErrorContains(t, Check([]Phase{{ID: "a"}}), "both needed")
	require.ErrorContains(t, Check([]Phase{{ID: "a", Title: "a"}}), "nothing to run")
	ok.RunItems = func(context.Context, Tell) error { return nil }
	require.ErrorContains(t, Check([]Phase{ok}), "two things to run")
}

func TestPreviewChangesNothingAndSaysWhatItCannotTell(t *testing.T) {
	var calls []string
	planned := run(&calls, "planned")
	planned.Plan = func(context.Context) ([]string, error) { return []string{"step"}, nil }
	blind := run(&calls, "blind")
	blind.Done = func(context.Context) (bool, error) { return false, errors.New("no cluster") }
	finished := run(&calls, "finished")
	finished.Done = func(context.Context) (bool, error) { return true, nil }
	got := PreviewAll(t.Context(), []Phase{planned, blind, finished})
	require.Empty(t, calls)
	require.Equal(t, []Preview{
		{ID: "planned", Title: "do planned", Steps: []string{"step"}},
		{ID: "blind", Title: "do blind", Unknown: "no cluster"},
		{ID: "finished", Title: "do finished", Done: true},
	}, got)
}

func TestItemsAreToldAsEventsOfTheirOwn(t *testing.T) {
	rec := &recorder{}
	items := Phase{ID: "p", Title: "do p", RunItems: func(_ context.Context, tell Tell) error {
		tell(Item{Name: "a", State: "odd", Is: Started})
		tell(Item{Name: "b", State: "bad", Is: Failed, Message: "no luck", Object: "Pod x/y: Pending", Event: "Failed: no image"})
		return nil
	}}
	_, err := Runner{Reporter: rec}.Run(t.Context(), []Phase{items})
	require.NoError(t, err)
	require.Len(t, rec.events, 4)
	require.Equal(t, "a is odd", rec.events[1].Message)
	require.Equal(t, "b is bad: Pod x/y: Pending: Failed: no image: no luck", rec.events[2].Message)
	require.Equal(t, "b", rec.events[2].Item.Name)
	require.Equal(t, Waiting, rec.events[2].State)
	data, err := json.Marshal(rec.events[2].Item)
	require.NoError(t, err)
	require.JSONEq(t, `{"name":"b","state":"bad","message":"no luck","object":"Pod x/y: Pending","event":"Failed: no image"}`, string(data))
}
