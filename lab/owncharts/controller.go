// SPDX-License-Identifier: Apache-2.0

package owncharts

import (
	"os/exec"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/cozystack/cozy-install/lab/plane"
)

// ControllerPods runs the real cozy-controller wherever a plane plays a pod of it, with that pod's service account, arguments and
// files. binary is the program's path.
func ControllerPods(binary string) (plane.PodProgram, error) {
	selector, err := labels.Parse("app.kubernetes.io/name=cozy-controller")

	return plane.PodProgram{
		Namespace: "cozy-system", Selector: selector,
		Command: func(env plane.PodEnv) *exec.Cmd {
			arguments := []string{"--kubeconfig=" + env.Kubeconfig}

			for _, given := range env.Pod.Spec.Containers[0].Args {
				switch flag, value, _ := strings.Cut(given, "="); flag {
				case "--charts-address":
					given = flag + "=" + env.Addresses["http"]
				case "--site":
					given = flag + "=" + filepath.Join(env.Mounts[filepath.Dir(value)], filepath.Base(value))
				}

				arguments = append(arguments, given)
			}

			//nolint:noctx // the plane ends it with its pod
			return exec.Command(binary, arguments...)
		},
	}, err
}
