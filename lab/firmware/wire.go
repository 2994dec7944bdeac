// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// maxFrame is more than any frame on an Ethernet of the usual MTU.
const maxFrame = 2048

// Wire is the cable between a machine's network card and the LAN: every frame passes through this process, which can
// lose it, record it and read what the machine asks for. The kernel's netem is not everywhere; this is.
type Wire struct {
	lan, card *os.File
	plugged   *os.File // QEMU's end, until QEMU has it
	capture   *capture
	pumps     sync.WaitGroup

	mu      sync.Mutex
	loss    float64 // of TFTP packets, 0 to 1
	dice    *rand.Rand
	lost    int
	asked   []string
	failure error
}

// newWire joins a tap of the LAN with a new socket pair. It records into a file when the name is not empty.
func newWire(tap *os.File, loss float64, file string) (*Wire, error) {
	// A datagram is a frame, and the kernel keeps their order.
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("make the machine's cable: %w", err)
	}
	w := &Wire{
		lan: tap, card: os.NewFile(uintptr(pair[0]), "wire"), plugged: os.NewFile(uintptr(pair[1]), "card"),
		loss: loss, dice: rand.New(rand.NewPCG(77, 1)), // always the same losses for the same frames
	}
	if w.capture, err = newCapture(file); err != nil {
		return nil, errors.Join(err, w.card.Close(), w.plugged.Close())
	}
	w.pumps.Go(func() { w.pump(w.card, w.lan, true) })
	w.pumps.Go(func() { w.pump(w.lan, w.card, false) })
	return w, nil
}

// pump carries frames until one end is closed.
func (w *Wire) pump(from io.Reader, to io.Writer, isFromMachine bool) {
	frame := make([]byte, maxFrame)
	for {
		n, err := from.Read(frame)
		if err != nil {
			w.fail(err)
			return
		}
		if n == 0 || w.loses(frame[:n], isFromMachine) {
			continue
		}
		// A card that has no room or a bridge port that is not up yet loses a frame, as an Ethernet does.
		if _, err := to.Write(frame[:n]); errors.Is(err, os.ErrClosed) {
			w.fail(err)
			return
		}
	}
}

func (w *Wire) fail(err error) {
	if errors.Is(err, os.ErrClosed) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failure = errors.Join(w.failure, err)
}

// loses records a frame and throws the dice.
func (w *Wire) loses(frame []byte, isFromMachine bool) bool {
	p, isIPv4 := readPacket(frame)
	w.mu.Lock()
	defer w.mu.Unlock()
	isLost := isIPv4 && p.isTFTP() && w.loss > 0 && w.dice.Float64() < w.loss
	if isLost {
		w.lost++
	} else {
		w.capture.add(frame, p.isDHCP())
	}
	if what := p.asks(); isFromMachine && what != "" {
		w.asked = append(w.asked, what)
	}
	return isLost
}

// Asked is what the machine asked for, in order: "tftp snponly.efi", "GET /boot.ipxe". Lost requests are among them.
func (w *Wire) Asked() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.asked...)
}

// Lost counts the frames that were lost on purpose.
func (w *Wire) Lost() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost
}

// Close takes the cable away and waits for what is under way. It returns what went wrong while frames were carried.
func (w *Wire) Close() error {
	err := errors.Join(w.card.Close(), w.lan.Close(), w.unplug())
	w.pumps.Wait()
	return errors.Join(err, w.capture.close(), w.failure)
}

// unplug closes this process's copy of QEMU's end. It may be called twice.
func (w *Wire) unplug() error {
	if err := w.plugged.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}
