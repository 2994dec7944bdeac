// SPDX-License-Identifier: Apache-2.0

// Command policy asks Cilium's own policy engine who may talk to whom, or what policies cost it. It reads questions from standard input, each one JSON
// document of type question, and writes an answer in one line for each. A policy that Cilium refuses is an answer too.
//
// It holds what agents of Cilium do before packets are looked at: pods become identities by their labels, those of their
// namespace and the filter of labels; addresses become identities by the longest range that a policy names; policies are
// parsed, sanitized, and distilled into the map that the datapath looks up. It has no datapath: that addresses of Services are
// translated before they are judged is taken for granted, and connections of a node's own are told by entity.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/cilium/cilium/pkg/labelsfilter"
	"github.com/cilium/cilium/pkg/option"
	"github.com/cilium/cilium/pkg/policy"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	if err := labelsfilter.ParseLabelPrefixCfg(logger, nil, nil, ""); err != nil {
		return fmt.Errorf("set up the filter of labels: %w", err)
	}
	policy.SetPolicyEnabled(option.DefaultEnforcement)
	option.Config.EnableIPv4, option.Config.EnableIPv6, option.Config.EnableSCTP = true, true, true
	option.Config.ClusterName = clusterName

	decoder, encoder := json.NewDecoder(in), json.NewEncoder(out)
	decoder.DisallowUnknownFields()
	for {
		var asked question
		if err := decoder.Decode(&asked); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read a question: %w", err)
		}
		if err := encoder.Encode(asked.answer(logger)); err != nil {
			return fmt.Errorf("write an answer: %w", err)
		}
	}
}

func (q question) answer(logger *slog.Logger) (given answer) {
	defer func() {
		// Some of what the API server would refuse makes the engine panic.
		if reason := recover(); reason != nil {
			given = answer{Problem: fmt.Sprintf("panic: %v", reason)}
		}
	}()
	var err error
	if q.Count {
		given.Counted, err = q.count(logger)
	} else {
		given.Verdicts, err = q.judge(logger)
	}
	if err != nil {
		return answer{Problem: err.Error()}
	}
	return given
}

// question is a cluster and its policies. The flows are all those of a peer to another, or to itself, at each port.
type question struct {
	// Policies are objects: CiliumNetworkPolicy, CiliumClusterwideNetworkPolicy, NetworkPolicy.
	Policies []json.RawMessage `json:"policies"`
	// Namespaces are the labels of namespaces, by name.
	Namespaces map[string]map[string]string `json:"namespaces"`
	Peers      []peer                       `json:"peers"`
	Ports      []port                       `json:"ports,omitempty"`
	// Count asks what the policies cost instead, and needs no ports.
	Count bool `json:"count,omitempty"`
}

// peer is a pod, an entity, or an address.
type peer struct {
	// Namespace is a pod's. Empty: it is no pod, and nothing restricts it.
	Namespace string            `json:"namespace,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	// Reserved are names such as host, remote-node, kube-apiserver.
	Reserved []string `json:"reserved,omitempty"`
	// Address may go with Reserved: a kube-apiserver that is no node.
	Address string `json:"address,omitempty"`
}

type port struct {
	Number   uint16 `json:"number"`
	Protocol string `json:"protocol"`
}

// answer has a line of characters for each peer that a flow comes from and each that it goes to, by their places in the
// question: one for each port, 1 allowed and 0 denied.
type answer struct {
	Verdicts [][]string `json:"verdicts,omitempty"`
	// Counted is there if that was asked for.
	Counted *counted `json:"counted,omitempty"`
	Problem string   `json:"problem,omitempty"`
}
