// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"errors"
	"fmt"

	"github.com/google/cel-go/cel"
)

// What the expressions of steps are over.
const (
	overObjects = "object"
	overOutput  = "output"
	overNode    = "node" // always
)

// stepCost bounds what an expression may cost, in CEL's units: objects and outputs come from the network. A conjunction over a few
// conditions costs tens; this much takes seconds on a slow machine.
const stepCost = 100_000

// Select gives those of the objects, as JSON decodes them, that are meant. lists are the objects of Lists, by the same names.
func (o StepObjects) Select(objects []map[string]any, lists map[string][]map[string]any, node StepNode) ([]map[string]any, error) {
	program, err := compileStep(o.Where, overObjects, sortedKeys(o.Lists)...)
	if err != nil {
		return nil, err
	}
	var out []map[string]any
	over := map[string]any{}
	for name := range o.Lists {
		over[name] = lists[name]
	}
	for _, object := range objects {
		over[overObjects] = object
		is, err := judge(program, over, node)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.Where, err)
		}
		if is {
			out = append(out, object)
		}
	}
	return out, nil
}

// IsDone says whether the output of Look says that nothing is left to do.
func (e StepExec) IsDone(output string, node StepNode) (bool, error) {
	return judgeOutput(e.Done, output, node)
}

// IsSafe says whether the output of Look lets Run be run.
func (e StepExec) IsSafe(output string, node StepNode) (bool, error) {
	return judgeOutput(e.Safe, output, node)
}

func judgeOutput(text, output string, node StepNode) (bool, error) {
	program, err := compileStep(text, overOutput)
	if err != nil {
		return false, err
	}
	is, err := judge(program, map[string]any{overOutput: output}, node)
	if err != nil {
		return false, fmt.Errorf("%s: %w", text, err)
	}
	return is, nil
}

// judge evaluates over these variables, and the node, which it adds to them.
func judge(program cel.Program, over map[string]any, node StepNode) (bool, error) {
	over[overNode] = map[string]string{"name": node.Name, "address": node.Address}
	result, _, err := program.Eval(over)
	if err != nil {
		return false, err
	}
	is, _ := result.Value().(bool) // compileStep lets nothing else through
	return is, nil
}

func compileStep(text, over string, lists ...string) (cel.Program, error) {
	if text == "" {
		return nil, errors.New("missing")
	}
	object := cel.MapType(cel.StringType, cel.DynType)
	kind := cel.StringType
	if over == overObjects {
		kind = object
	}
	options := []cel.EnvOption{
		cel.OptionalTypes(), cel.Variable(over, kind), cel.Variable(overNode, cel.MapType(cel.StringType, cel.StringType)),
	}
	for _, name := range lists {
		options = append(options, cel.Variable(name, cel.ListType(object)))
	}
	env, err := cel.NewEnv(options...)
	if err != nil {
		return nil, err
	}
	ast, issues := env.Compile(text)
	if err := issues.Err(); err != nil {
		return nil, fmt.Errorf("not a CEL expression: %w", err)
	}
	if ast.OutputType() != cel.BoolType {
		return nil, fmt.Errorf("a CEL expression of type %s, not bool", ast.OutputType())
	}
	return env.Program(ast, cel.CostLimit(stepCost))
}
