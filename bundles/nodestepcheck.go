// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
)

// checkNodeSteps checks what a package asks when a node goes, and compiles its expressions.
func checkNodeSteps(steps []NodeStep, problem report) {
	for i, step := range steps {
		at := fmt.Sprintf("nodeRemoval[%d]", i)
		if step.Title == "" {
			problem(at+".title", nil, "missing")
		}
		checkWord(problem, at+".role", step.Role, RoleControlPlane, RoleWorker)
		checkWord(problem, at+".node", step.Node, NodeRunning, NodeDead)
		checkWord(problem, at+".at", step.At, StepLeave, StepGone)
		if t := step.Timeout.Duration; t < 0 || t > MaxStepTimeout {
			problem(at+".timeout", t.String(), "not between 0 and %s", MaxStepTimeout)
		}
		checkDeed(step, at, problem)
	}
}

// checkDeed checks that a step says one thing to do, and that this can be done when it says.
func checkDeed(step NodeStep, at string, problem report) {
	deeds := 0
	for _, has := range []bool{step.RefuseWhile != nil, step.WaitWhile != nil, len(step.Label) > 0, step.Exec != nil, step.ByHand != nil} {
		if has {
			deeds++
		}
	}
	if deeds != 1 {
		problem(at, nil, "%d of refuseWhile, waitWhile, label, exec and byHand; it must be one", deeds)
	}
	if step.RefuseWhile != nil {
		checkObjects(*step.RefuseWhile, at+".refuseWhile", problem)
		checkHint(step.RefuseWhile.Hint, at+".refuseWhile", problem)
		if step.At != "" {
			problem(at+".at", step.At, "what refuses is asked before anything is done")
		}
	}
	if step.WaitWhile != nil {
		checkObjects(*step.WaitWhile, at+".waitWhile", problem)
		checkHint(step.WaitWhile.Hint, at+".waitWhile", problem)
	}
	if step.Exec != nil {
		checkExec(*step.Exec, at+".exec", problem)
	}
	if step.ByHand != nil {
		checkByHand(*step.ByHand, at+".byHand", problem)
	}
	if len(step.Label) > 0 && step.At == StepGone {
		problem(at+".at", step.At, "the Node object is deleted by then")
	}
	for _, key := range sortedKeys(step.Label) {
		if errs := content.IsLabelKey(key); len(errs) > 0 {
			problem(at+".label", key, "%s", errs[0])
		}
		if errs := validation.IsValidLabelValue(step.Label[key]); len(errs) > 0 {
			problem(at+".label."+key, step.Label[key], "%s", errs[0])
		}
	}
}

func checkObjects(o StepObjects, at string, problem report) {
	checkKind(o.APIVersion, o.Kind, at, problem)
	if o.Namespace != "" {
		checkLabel(problem, at+".namespace", o.Namespace, validation.DNS1123LabelMaxLength)
	}
	var named []string
	for _, name := range sortedKeys(o.Lists) {
		checkKind(o.Lists[name].APIVersion, o.Lists[name].Kind, at+".lists."+name, problem)
		if !isListName(name) {
			problem(at+".lists", name, "not a name of small letters, other than %s and %s", overObjects, overNode)
			continue // it can't be a variable
		}
		named = append(named, name)
	}
	if _, err := compileStep(o.Where, overObjects, named...); err != nil {
		problem(at+".where", o.Where, "%v", err)
	}
}

func checkKind(apiVersion, kind, at string, problem report) {
	if version, err := schema.ParseGroupVersion(apiVersion); err != nil || version.Version == "" {
		problem(at+".apiVersion", apiVersion, "not an API's group and version")
	}
	if kind == "" {
		problem(at+".kind", nil, "missing")
	}
}

func isListName(name string) bool {
	return name != "" && name != overObjects && name != overNode && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz") == ""
}

func checkExec(e StepExec, at string, problem report) {
	checkLabel(problem, at+".namespace", e.Namespace, validation.DNS1123LabelMaxLength)
	checkLabel(problem, at+".container", e.Container, validation.DNS1123LabelMaxLength)
	if selector, err := labels.Parse(e.Pods); err != nil || selector.Empty() {
		problem(at+".pods", e.Pods, "not a label selector")
	}
	for _, words := range []struct {
		key   string
		words []string
	}{{"look", e.Look}, {"run", e.Run}} {
		if len(words.words) == 0 || words.words[0] == "" {
			problem(at+"."+words.key, nil, "missing")
		}
		for i, word := range words.words {
			if left := strings.Join((StepNode{}).Fill([]string{word}), ""); strings.Contains(left, "${") {
				problem(fmt.Sprintf("%s.%s[%d]", at, words.key, i), word, "${node.name} and ${node.address} are all there is")
			}
		}
	}
	for _, rule := range []struct{ key, text string }{{"done", e.Done}, {"safe", e.Safe}} {
		if _, err := compileStep(rule.text, overOutput); err != nil {
			problem(at+"."+rule.key, rule.text, "%v", err)
		}
	}
	checkHint(e.Hint, at, problem)
}

func checkByHand(h StepByHand, at string, problem report) {
	if h.Do == "" {
		problem(at+".do", nil, "missing")
	}
	if h.While == nil {
		return
	}
	checkObjects(*h.While, at+".while", problem)
	if h.While.Hint != "" {
		problem(at+".while.hint", h.While.Hint, "do says it already")
	}
}

func checkHint(hint, at string, problem report) {
	if hint == "" {
		problem(at+".hint", nil, "missing: what can a person do?")
	}
}

// checkWord checks an optional word.
func checkWord(problem report, path, word string, allowed ...string) {
	if word != "" && !slices.Contains(allowed, word) {
		problem(path, word, "not %s", strings.Join(allowed, " or "))
	}
}
