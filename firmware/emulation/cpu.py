"""The CPU: Unicorn's Cortex-M33 with exceptions, faults, WFI and WFE.

Source: Armv8-M Architecture Reference Manual (DDI 0553), for exception entry and return, EXC_RETURN, the stack frame, lock-up, and the
fault status registers. Unicorn executes instructions; it reports an EXC_RETURN as interrupt 8 and knows no exceptions itself. All is
secure, on the main stack, as in the firmware. Not modelled: lazy FP stacking (all FP registers are stacked at once), sub-priorities,
non-secure state.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable
from typing import Final

import unicorn as u
from unicorn import arm_const as arm

from emulation.core import System

NMI, HARD_FAULT, SYSTICK = 2, 3, 15
EXC_RETURN: Final = 0xFFFF_FFF9
"""secure, thread mode, main stack, standard frame"""
NO_FP_FRAME: Final = 1 << 4
BREAKPOINT, SUPERVISOR, EXCEPTION_RETURN, NO_COPROCESSOR = 7, 2, 8, 17
STACK_OVERFLOW: Final = 19
WFE: Final = 0xBF20
WFI: Final = 0xBF30
FPCA: Final = 1 << 2
IT_BITS: Final = 0x0600_FC00
"""of xPSR"""
_CORE: Final = (arm.UC_ARM_REG_R0, arm.UC_ARM_REG_R1, arm.UC_ARM_REG_R2, arm.UC_ARM_REG_R3)
_FLOATS: Final = tuple(getattr(arm, f"UC_ARM_REG_S{i}") for i in range(16))


class Lockup(Exception):
    """A fault in the fault handler: the core stops. Silicon then resets, if RCC says so (LCKRSTF)."""


class Cpu:
    """Runs instructions in slices, and enters exceptions between them."""

    def __init__(self, system: System) -> None:
        self.uc = u.Uc(u.UC_ARCH_ARM, u.UC_MODE_THUMB | u.UC_MODE_MCLASS)
        self.uc.ctl_set_cpu_model(arm.UC_CPU_ARM_CORTEX_M33)
        self.system = system
        self.pc = 0
        self.active: list[int] = []
        self.taken: Counter[int] = Counter()
        self.event = False
        self.complete = False
        """the last slice ran its whole count"""
        self.on_breakpoint: Callable[[int], None] = lambda pc: None
        self._interrupt = 0
        self._fault: tuple[str, int] | None = None
        self._handler: int | None = None
        self.uc.hook_add(u.UC_HOOK_INTR, self._on_interrupt)
        self.uc.hook_add(u.UC_HOOK_MEM_INVALID, self._on_invalid)

    def map_device(
        self, base: int, size: int, read: Callable[[int, int], int], write: Callable[[int, int, int], None]
    ) -> None:
        """Maps registers; functions get the whole address."""

        def on_read(_uc: u.Uc, offset: int, width: int, _data: object) -> int:
            self.leave_block()
            return read(base + offset, width)

        def on_write(_uc: u.Uc, offset: int, width: int, value: int, _data: object) -> None:
            self.leave_block()
            write(base + offset, width, value)

        self.uc.mmio_map(base, size, on_read, None, on_write, None)

    def reset(self, vectors: int, *, sp: int | None = None) -> None:
        """As the boot loader enters an image."""
        first_sp, entry = struct.unpack("<II", self.uc.mem_read(vectors, 8))
        self.active.clear()
        self.event = False
        self._write(arm.UC_ARM_REG_XPSR, 0x0100_0000)
        for register in (
            arm.UC_ARM_REG_CONTROL,
            arm.UC_ARM_REG_PRIMASK,
            arm.UC_ARM_REG_FAULTMASK,
            arm.UC_ARM_REG_BASEPRI,
        ):
            self._write(register, 0)
        self._write(arm.UC_ARM_REG_SP, sp if sp is not None else first_sp)
        self.set_fpu(False)
        self.pc = entry & ~1

    def set_fpu(self, on: bool) -> None:
        """CPACR was written."""
        self._write(arm.UC_ARM_REG_C1_C0_2, 0xF0_0000 if on else 0)
        self._write(arm.UC_ARM_REG_FPEXC, 0x4000_0000 if on else 0)

    def _read(self, register: int) -> int:
        return int(self.uc.reg_read(register))

    def _write(self, register: int, value: int) -> None:
        self.uc.reg_write(register, value)

    @property
    def masked(self) -> bool:
        """PRIMASK or FAULTMASK is set."""
        return bool(self._read(arm.UC_ARM_REG_PRIMASK) or self._read(arm.UC_ARM_REG_FAULTMASK))

    @property
    def now_pc(self) -> int:
        """Also within a hook."""
        return self._read(arm.UC_ARM_REG_PC)

    @property
    def link(self) -> int:
        """LR."""
        return self._read(arm.UC_ARM_REG_LR)

    def argument(self, index: int) -> int:
        """R0 to R3."""
        return self._read(_CORE[index])

    # ---- running

    def run(self, count: int) -> bool:
        """Runs instructions; True if the CPU waits (WFI, or WFE without an event)."""
        self._interrupt, self._fault, self.complete = 0, None, False
        try:
            self.uc.emu_start(self.pc | 1, 0xFFFF_FFFF, count=count)
        except u.UcError as error:
            self.pc = self.now_pc
            if error.errno == u.UC_ERR_INSN_INVALID and self._half(self.pc - 2) == WFE:
                was, self.event = self.event, False
                return not was
            if self._fault is None:
                self._fault = ("undefined instruction", self.pc)
        else:
            self.pc = self.now_pc
        if self._fault is not None:
            self.fault(*self._fault)
        elif self._interrupt == EXCEPTION_RETURN:
            self._exit()
        elif self._interrupt == BREAKPOINT:
            self.on_breakpoint(self.pc)
            self.pc += 2
        elif self._interrupt:
            names = {NO_COPROCESSOR: "no coprocessor", STACK_OVERFLOW: "stack overflow", SUPERVISOR: "unexpected SVC"}
            self.fault(names.get(self._interrupt, f"exception {self._interrupt}"), self.pc)
        else:
            waits = (
                self._half(self.pc - 2) == WFI
            )  # it ends the slice; a slice that ended after one for another reason is harmless
            self.complete = not waits
            return waits
        return False

    def leave_block(self) -> None:
        """To be called by each hook on an access.

        Unicorn sets the state of the IT block that the access is in, for the hook to see, and does not take it away
        at the block's end: the next jump would go to code translated for the middle of a block. The rest of this block is
        translated already and does not look.
        """
        xpsr = self._read(arm.UC_ARM_REG_XPSR)
        if xpsr & IT_BITS:
            self._write(arm.UC_ARM_REG_XPSR, xpsr & ~IT_BITS)

    def _half(self, address: int) -> int:
        try:
            return int.from_bytes(self.uc.mem_read(address, 2), "little")
        except u.UcError:
            return 0

    def _on_interrupt(self, uc: u.Uc, number: int, _data: object) -> None:
        self._interrupt = number
        uc.emu_stop()

    def _on_invalid(self, uc: u.Uc, kind: int, address: int, _size: int, _value: int, _data: object) -> bool:
        self._fault = ("bus error", address)
        return False

    # ---- exceptions

    def fault(self, kind: str, address: int) -> None:
        """Escalates to HardFault, as nothing else is enabled."""
        if HARD_FAULT in self.active or NMI in self.active:
            raise Lockup(f"{kind} at {address:#x} in a fault handler, pc {self.pc:#x}")
        self.system.set_fault(kind, address)
        self.enter(HARD_FAULT)

    def take_pending(self) -> bool:
        """Enters the most urgent exception that may be taken; False if there is none."""
        number = self.system.most_urgent(self.active)
        if number is None:
            return False
        self.event = True
        if self.masked and number > HARD_FAULT:
            return False
        self.system.take(number)
        self.enter(number)
        return True

    def enter(self, number: int) -> None:
        """Stacks, and goes to a handler."""
        vector = self.system.vector(number, self.uc)
        if vector == 0:
            if number == HARD_FAULT:
                raise Lockup("no vector for HardFault")
            self.fault(f"no vector for exception {number}", number)
            return
        self.taken[number] += 1
        control = self._read(arm.UC_ARM_REG_CONTROL)
        xpsr = self._read(arm.UC_ARM_REG_XPSR)
        sp = self._read(arm.UC_ARM_REG_SP)
        words = [self._read(r) for r in (*_CORE, arm.UC_ARM_REG_R12, arm.UC_ARM_REG_LR)] + [self.pc, xpsr & ~0x200]
        result = EXC_RETURN if not self.active else EXC_RETURN & ~8
        if control & FPCA:
            words += [*(self._read(r) for r in _FLOATS), self._read(arm.UC_ARM_REG_FPSCR), 0]
            result &= ~NO_FP_FRAME
        frame = sp - 4 * len(words)
        if frame & 4:
            frame -= 4
            words[7] |= 0x200
        self.uc.mem_write(frame, struct.pack(f"<{len(words)}I", *words))
        self._write(arm.UC_ARM_REG_SP, frame)
        self._write(arm.UC_ARM_REG_LR, result)
        self._write(arm.UC_ARM_REG_CONTROL, control & ~FPCA)
        self._write(arm.UC_ARM_REG_XPSR, 0x0100_0000 | number)
        self.active.append(number)
        self.pc = vector & ~1

    def _exit(self) -> None:
        result = self.now_pc | 1
        if not self.active:
            self.fault("exception return without an exception", result)
            return
        self.active.pop()
        frame = self._read(arm.UC_ARM_REG_SP)
        count = 8 if self.pc & NO_FP_FRAME else 26
        words = struct.unpack(f"<{count}I", self.uc.mem_read(frame, 4 * count))
        for register, value in zip((*_CORE, arm.UC_ARM_REG_R12, arm.UC_ARM_REG_LR), words, strict=False):
            self._write(register, value)
        control = self._read(arm.UC_ARM_REG_CONTROL) & ~FPCA
        if count > 8:
            control |= FPCA
            for register, value in zip((*_FLOATS, arm.UC_ARM_REG_FPSCR), words[8:25], strict=True):
                self._write(register, value)
        self._write(arm.UC_ARM_REG_CONTROL, control)
        self._write(arm.UC_ARM_REG_SP, frame + 4 * count + (4 if words[7] & 0x200 else 0))
        self._write(arm.UC_ARM_REG_XPSR, words[7] & ~0x200)
        self.pc = words[6] & ~1
        self.event = True
