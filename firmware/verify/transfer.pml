/*
 * transfer.pml - a model of uploads, inferences and sessions on a faulty line. `make verify` has spin search all its states.
 *
 * The model leaves out bytes, checksums and durations. A frame arrives, is lost, arrives twice, or (DATA) arrives with good headers
 * and damaged bytes. The order of frames does not change. Positions count chunks and wrap. The model contains who waits for what,
 * who repeats what, who may send, and what runs.
 *
 *     process       is                                        section of protocol.md   source
 *     HostTakes     the exchanges and the receiver            3, 5, 6, 7               link/link.py, link/receiver.py
 *     HostSteers    HELLO, CREDIT and PING of the sender      2, 5                     link/sender.py
 *     HostSends     requests and chunks of the sender         3, 4                     link/sender.py
 *     Timer         time-outs of one upload and its INFER     3, 6, 9                  link/retry.py
 *     Prober        time-outs of PING, HELLO and credits      3, 5                     link/retry.py
 *     DeviceTakes   slots, keys, credits, sessions            2, 4, 5, 6               core/uploads, core/queue, core/server
 *     DeviceWorks   runs, and chunks of results               6, 7                     core/queue, core/results
 *     Line          a connection that is cut                  2
 *     Ends          waits until every call has ended
 *
 * Time-outs: a time-out is due if no frame of its exchange is on the line, no frame of it waits to be sent, and the device does not
 * work for it. It has two steps: first time passes, then it fires; progress between the steps cancels the first one. EARLY
 * time-outs fire although they are not due, so that requests arrive twice. A process that can continue does so at some time (weak
 * fairness).
 *
 * spin checks the assertions (nobody sends beyond a grant, nothing runs twice, no input or result is lost, no call fails), that no state
 * is a dead end, and that every call ends. tests/verify.py has the sizes of each run. It also replaces a rule by a wrong one, and
 * expects that spin finds the fault:
 *
 *     OLD_PROBE     the host asks for credits only until all chunks of an upload were sent once
 *     OLD_PROGRESS  credits for one upload are progress of all uploads
 *     OLD_PATIENCE  a NAK is progress, and so is a state of an inference that was reported before
 *     OLD_RESUME    the device takes a repeated HELLO with RESUME for that of another session
 *     OLD_KEYS      the device does not remember the keys of inferences that have ended
 *     OLD_NEW       the host sends new INFERs without a limit while the end of an older inference is unknown
 */

/* ---- sizes ---- */

#ifndef CALLS
#define CALLS 1 /* inferences next to each other */
#endif
#ifndef UP
#define UP 2 /* chunks of an input */
#endif
#ifndef DOWN
#define DOWN 1 /* chunks of a result, which may be 0 */
#endif
#ifndef WINDOW
#define WINDOW 2 /* chunks that the device takes in flight */
#endif
#ifndef HOST_WINDOW
#define HOST_WINDOW 1 /* chunks that the host takes in flight */
#endif
#ifndef FAULTS
#define FAULTS 1 /* frames that are lost, damaged or doubled */
#endif
#ifndef EARLY
#define EARLY 0 /* time-outs that fire too early */
#endif
#ifndef CUTS
#define CUTS 0 /* times that the connection is cut */
#endif
#ifndef PATIENCE
#define PATIENCE 0 /* time-outs without progress after which a call fails; 0 = it never fails */
#endif
#ifndef HOPELESS
#define HOPELESS 4 /* chunks of an upload that may be sent before that counts as no progress; Upload.hopeless */
#endif
#ifndef KEYS
#define KEYS 0 /* other keys that the device can store before it forgets that of the first call; 0 = any number */
#endif
#ifndef MOST
#define MOST 1 /* new INFERs after the last report of the first call; unfinished.MOST */
#endif
/*
 * ENDLESS: the last call is followed by another one, without end. DEAD: any number of frames is lost. FAILING: a run may fail.
 * TAKEOVER: another host may have a session while the connection is cut.
 */

#ifndef LENGTH
#define LENGTH 5 /* frames on the line in one direction, without those of one answer */
#endif
#define ROOM 3   /* frames of one answer at most */
#ifndef WRAP
#define WRAP 16 /* positions; more than twice the largest window */
#endif

#define ALL(count) ((1 << (count)) - 1)
#define AHEAD(a, b) (((a) + WRAP - (b)) % WRAP) /* how far a is after b */
#define AFTER(a, b) (AHEAD(a, b) > 0 && AHEAD(a, b) < WRAP / 2)
#define PAST(a) (((a) + 1) % WRAP)
#define LOWEST(set) ((set) & 1 -> 0 : ((set) & 2 -> 1 : 2))

/* ---- the line ---- */

/* MessageType; a reply has the name of its request. DAMAGED is DATA with good headers and damaged bytes. */
mtype = { HELLO, PING, COMMIT, INFER, RELEASE, DATA, DAMAGED, NAK, CREDIT, RESULT, ERROR };

/* Type; call; chunk, set of chunks, state or limit; position or flag; which of the endless calls, modulo 2. */
chan up = [LENGTH] of { mtype, byte, byte, byte, bit };
chan down = [LENGTH + ROOM] of { mtype, byte, byte, byte, bit };

byte faults, early, cuts;
byte flying[CALLS];  /* frames of a call that are on the line */
byte flying_chunks;  /* DATA to the device */
byte flying_credits; /* frames about credits and sessions */

inline fly(sort, owner, by) {
    if
    :: sort == PING || sort == CREDIT || sort == HELLO -> flying_credits = flying_credits + by
    :: else -> flying[owner] = flying[owner] + by
    fi
}

#ifdef DEAD
#define FAULTY true
#define FAULT skip
#else
#define FAULTY faults < FAULTS
#define FAULT faults++
#endif

inline put(to, type, whose, first, second, third) {
    if
    :: to ! type, whose, first, second, third; fly(type, whose, 1)
    :: FAULTY -> FAULT
#ifndef DEAD
    :: FAULTY && type == DATA -> FAULT; to ! DAMAGED, whose, first, second, third; fly(type, whose, 1)
    :: FAULTY && nfull(to) && len(to) < LENGTH - 1 -> FAULT;
       to ! type, whose, first, second, third; to ! type, whose, first, second, third; fly(type, whose, 2)
#endif
    fi
}

/* ---- what the device knows ---- */

mtype:slot = { EMPTY, FILLING, COMMITTED };
mtype:key = { UNKNOWN, WAITING, QUEUED, HOLDING, CACHED, FINISHED };
/* Why an ERROR. */
#define RUN_FAILED 1
#define GONE_OR_NO_INPUT 0
/* InferState, as a number that grows. */
#define STATE(call) (key[call] == WAITING -> 1 : (key[call] == QUEUED -> 2 : 3))

mtype:slot slot[CALLS] = EMPTY;
bit slot_number[CALLS] = 1; /* which of the endless uploads it has */
byte marked[CALLS];  /* chunks */
byte next[CALLS];    /* first chunk that has neither arrived nor been asked for */
bit parked[CALLS];   /* COMMIT has come */
mtype:key key[CALLS] = UNKNOWN;
bit key_number[CALLS] = 1;
byte runs[CALLS];
bit fault[CALLS];    /* that run has failed */
byte sending[CALLS]; /* chunks of a result that is held */
#if KEYS > 0
byte newer; /* keys that were stored after that of the first call */
#endif

byte consumed, device_granted = WINDOW;
byte device_position, host_limit = HOST_WINDOW;

byte session;    /* nonce of the device's */
bit resumed;     /* it is a resumed one */
byte nonce;      /* of the host's last HELLO, which resumes the one before */
byte resumed_from;

/* ---- the host ---- */

mtype:phase = { HELD, SENDING, ASKED, ACCEPTED, RECEIVING, RELEASING, GONE };

mtype:phase upload[CALLS] = SENDING;
mtype:phase inference[CALLS] = HELD;
bit number[CALLS]; /* which of the endless calls */
bit ended[CALLS], failed[CALLS];

byte open[CALLS] = ALL(UP);      /* chunks to be sent */
byte missing[CALLS];             /* chunks of the result */
byte expected[CALLS];            /* chunk after the last one that came in order */
byte state[CALLS];               /* as the device has reported it last */
byte tries[CALLS];               /* times that the INFER has left, at most 2 */
byte sent[CALLS];                /* chunks, until they are too many */
bit untaken[CALLS];              /* chunks have left that the device has not taken */
byte end_of[CALLS];              /* position after the last of them */

bit commit[CALLS], infer[CALLS], release[CALLS]; /* frames that leave next */
byte nak[CALLS];
bit ping, credit, hello;

byte position, limit = WINDOW, acknowledged; /* of DATA to the device */
byte seen, granted = HOST_WINDOW;            /* of DATA from the device */
bit probing;
bit opening; /* a HELLO is not answered */

bit silent_upload[CALLS], silent_inference[CALLS]; /* time has passed since it got on */
byte idle_upload[CALLS], idle_inference[CALLS];

#if KEYS > 0
/* New INFERs of others since the last report of the first call, and since its oldest INFER that is not answered. */
byte since_report, since_asked;
bit asked;
#define UNFINISHED (tries[0] && (inference[0] == ASKED || inference[0] == ACCEPTED))
#ifdef OLD_NEW
#define HELD_BACK(call) false
#else
#define HELD_BACK(call) (call != 0 && tries[call] == 0 && UNFINISHED && since_report >= MOST)
#endif
#else
#define HELD_BACK(call) false
#endif
#define MAY_INFER(call) (infer[call] && !HELD_BACK(call))

inline upload_gets_on(up_) { silent_upload[up_] = 0; idle_upload[up_] = 0 }
inline inference_gets_on(inf_) { silent_inference[inf_] = 0; idle_inference[inf_] = 0 }

/* The upload that sends next: the older one. */
#define HEAD (open[0] -> 0 : CALLS - 1)
#define CREDITS AFTER(limit, position)
#define BLOCKED (!opening && open[HEAD] && !CREDITS)
#define PENDING(call) (commit[call] || MAY_INFER(call) || release[call] || nak[call])

inline forget(gone) {
    open[gone] = 0; missing[gone] = 0; expected[gone] = 0; state[gone] = 0; tries[gone] = 0; sent[gone] = 0;
    untaken[gone] = 0; end_of[gone] = 0; commit[gone] = 0; infer[gone] = 0; release[gone] = 0; nak[gone] = 0;
    upload_gets_on(gone); inference_gets_on(gone)
#if KEYS > 0
    ;
    if :: gone == 0 -> since_report = 0; since_asked = 0; asked = 0 :: else fi
#endif
}

inline end_call(over) {
    forget(over);
    upload[over] = GONE;
    inference[over] = GONE;
    ended[over] = 1
#ifdef ENDLESS
    ;
    if
    :: over == CALLS - 1 ->
       number[over] = 1 - number[over]; upload[over] = SENDING; inference[over] = HELD; open[over] = ALL(UP); runs[over] = 0
    :: else
    fi
#endif
}

inline set_limit(wanted) {
    if
    :: AHEAD(wanted, position) <= WINDOW || AHEAD(position, wanted) <= WINDOW ->
       limit = wanted;
       at = (wanted + WRAP - WINDOW) % WRAP;
       if
       :: AFTER(at, acknowledged) ->
          acknowledged = at;
          for (each : 0 .. CALLS - 1) {
              if
              :: untaken[each] ->
                 if :: sent[each] < HOPELESS -> upload_gets_on(each) :: else fi;
                 if :: !AFTER(end_of[each], at) -> untaken[each] = 0; end_of[each] = 0 :: else fi
              :: else ->
#ifdef OLD_PROGRESS
                 upload_gets_on(each)
#else
                 skip
#endif
              fi
          }
       :: else
       fi
    :: else
    fi
}

inline reached(there) {
    if :: AFTER(there, seen) && !AFTER(there, granted) -> seen = there :: else fi
}

inline host_takes_chunk() {
    assert(!AFTER(PAST(where), granted)); /* the device keeps to its grant */
    if
    :: AFTER(PAST(where), seen) ->
       seen = PAST(where);
       if :: AHEAD(seen + HOST_WINDOW, granted) * 2 >= HOST_WINDOW -> granted = (seen + HOST_WINDOW) % WRAP; credit = 1 :: else fi
    :: else
    fi;
    if
    :: which != number[call] || inference[call] == GONE || inference[call] == RELEASING -> skip
    :: else ->
       if
       :: inference[call] == RECEIVING ->
          if :: missing[call] & (1 << what) -> missing[call] = missing[call] & ~(1 << what); inference_gets_on(call) :: else fi;
          if
          :: what >= expected[call] ->
             nak[call] = nak[call] | (missing[call] & ALL(what) & ~ALL(expected[call]));
             expected[call] = what + 1
          :: else
          fi;
          if
          :: !missing[call] ->
             inference[call] = RELEASING; release[call] = 1; nak[call] = 0; infer[call] = 0; inference_gets_on(call)
          :: else
          fi
       :: else -> /* its RESULT was lost */
          if :: tries[call] == 1 && inference[call] != HELD -> infer[call] = 1 :: else fi
       fi
    fi
}

inline host_takes_damage() {
    if
    :: which == number[call] && inference[call] == RECEIVING && (missing[call] & (1 << what)) ->
       if
       :: what >= expected[call] ->
          nak[call] = nak[call] | (missing[call] & ALL(what + 1) & ~ALL(expected[call])); expected[call] = what + 1
       :: else -> nak[call] = nak[call] | (1 << what)
       fi
    :: else
    fi
}

inline host_takes() {
    if
    :: opening && kind != HELLO
    :: kind == HELLO -> host_opens()
    :: else ->
       if
       :: kind == CREDIT -> set_limit(what)
       :: kind == PING ->
          set_limit(what); reached(where);
          if :: probing -> probing = 0; ping = 0; granted = (seen + HOST_WINDOW) % WRAP; credit = 1 :: else fi
       :: kind == DATA -> host_takes_chunk()
       :: kind == DAMAGED -> host_takes_damage()
       :: else ->
          if
          :: which != number[call]
          :: else ->
             if
             :: kind == COMMIT && upload[call] == ASKED -> upload[call] = GONE; commit[call] = 0; open[call] = 0; upload_gets_on(call)
             :: kind == INFER && (inference[call] == ASKED || inference[call] == ACCEPTED) ->
                inference[call] = ACCEPTED;
#if KEYS > 0
                if :: call == 0 && asked -> since_report = since_asked; since_asked = 0; asked = 0 :: else fi;
#endif
                if
                :: what > state[call] -> state[call] = what; inference_gets_on(call)
                :: else ->
#ifdef OLD_PATIENCE
                   inference_gets_on(call)
#else
                   skip
#endif
                fi
             :: kind == RESULT && (inference[call] == ASKED || inference[call] == ACCEPTED) ->
                inference[call] = RECEIVING; missing[call] = ALL(DOWN); expected[call] = 0; infer[call] = 0; inference_gets_on(call);
                upload[call] = GONE; open[call] = 0; commit[call] = 0; untaken[call] = 0;
                if :: DOWN == 0 -> inference[call] = RELEASING; release[call] = 1 :: else fi
             :: kind == RELEASE && inference[call] == RELEASING -> end_call(call)
             :: kind == NAK && (upload[call] == SENDING || upload[call] == ASKED) ->
                open[call] = open[call] | what;
#ifdef OLD_PATIENCE
                upload_gets_on(call)
#endif
             :: kind == ERROR && inference[call] != GONE && inference[call] != RELEASING ->
                assert(what == RUN_FAILED); /* an input or a result is lost */
                end_call(call)
             :: else
             fi
          fi
       fi
    fi
}

/* After the last chunk of an upload its COMMIT leaves, and its INFER. */
inline host_sends(mine) {
    if
    :: nak[mine] -> at = nak[mine]; nak[mine] = 0; put(up, NAK, mine, at, 0, number[mine])
    :: !nak[mine] && commit[mine] -> commit[mine] = 0; put(up, COMMIT, mine, 0, position, number[mine])
    :: !nak[mine] && !commit[mine] && MAY_INFER(mine) ->
       infer[mine] = 0;
#if KEYS > 0
       if
       :: mine == 0 && !asked -> asked = 1; since_asked = 0
       :: mine != 0 && tries[mine] == 0 && UNFINISHED ->
          if :: since_report < MOST -> since_report++ :: else fi;
          if :: asked && since_asked < MOST -> since_asked++ :: else fi
       :: else
       fi;
#endif
       if :: tries[mine] < 2 -> tries[mine]++ :: else fi;
       put(up, INFER, mine, 0, 0, number[mine])
    :: else -> release[mine] = 0; put(up, RELEASE, mine, 0, 0, number[mine])
    fi
}

inline host_sends_chunk() {
    call = HEAD;
    at = LOWEST(open[call]);
    open[call] = open[call] & ~(1 << at);
    where = position;
    position = PAST(position);
    end_of[call] = position;
    untaken[call] = 1;
    if :: sent[call] < HOPELESS -> upload_gets_on(call); sent[call]++ :: else fi;
    if :: !open[call] && upload[call] == SENDING -> upload[call] = ASKED; commit[call] = 1;
          if :: inference[call] == HELD -> inference[call] = ASKED; infer[call] = 1 :: else fi
       :: else
    fi;
    flying_chunks++; /* taken back if it does not arrive */
    if
    :: up ! DATA, call, at, where, number[call]; fly(DATA, call, 1)
    :: FAULTY -> FAULT; flying_chunks--
#ifndef DEAD
    :: FAULTY -> FAULT; up ! DAMAGED, call, at, where, number[call]; fly(DATA, call, 1)
#endif
    fi
}

/* ---- sessions ---- */

/* Both sides begin with position 0; work in progress continues. */
inline host_opens() {
    if
    :: opening && where == nonce ->
       opening = 0; hello = 0;
       position = 0; limit = WINDOW; acknowledged = 0; seen = 0; granted = HOST_WINDOW;
       for (each : 0 .. CALLS - 1) {
           upload_gets_on(each); inference_gets_on(each);
           if
           :: inference[each] != HELD && inference[each] != RELEASING && inference[each] != GONE ->
              missing[each] = 0; expected[each] = 0; inference[each] = ASKED; infer[each] = 1
           :: inference[each] == RELEASING -> release[each] = 1
           :: else
           fi;
           if
           :: upload[each] != GONE || (!what && inference[each] == ASKED) ->
              upload[each] = SENDING; open[each] = ALL(UP); untaken[each] = 0; commit[each] = 0
           :: else
           fi
       }
    :: else
    fi
}

inline host_restarts() {
    opening = 1; hello = 1; resumed_from = nonce; nonce++;
    ping = 0; credit = 0; probing = 0;
    for (each : 0 .. CALLS - 1) {
        commit[each] = 0; infer[each] = 0; release[each] = 0; nak[each] = 0; untaken[each] = 0; end_of[each] = 0
    }
    position = 0; limit = 0; acknowledged = 0
}

active proctype HostTakes() {
    mtype kind; byte call, what, where, at, each; bit which;
end:
    do
    :: atomic { down ? kind, call, what, where, which ->
          if :: kind == DAMAGED -> fly(DATA, call, -1) :: else -> fly(kind, call, -1) fi;
          host_takes();
          kind = 0; call = 0; what = 0; where = 0; which = 0; at = 0; each = 0 }
    od
}

#define HAS_SMALL(call) (!opening && PENDING(call))
#define HAS_CHUNK (!opening && open[HEAD] && CREDITS)
#if CALLS > 1
#define HAS_SMALL_SECOND HAS_SMALL(1)
#else
#define HAS_SMALL_SECOND false
#endif

/* A sender of its own, so that requests and chunks do not delay these frames without end. */
active proctype HostSteers() {
end:
    do
    :: atomic { len(up) < LENGTH && (hello || (!opening && (credit || ping))) ->
          if
          :: hello -> hello = 0; put(up, HELLO, 0, resumed_from, nonce, 0)
          :: !hello && credit -> credit = 0; put(up, CREDIT, 0, granted, 0, 0)
          :: else -> ping = 0; probing = 1; put(up, PING, 0, 0, position, 0)
          fi }
    od
}

/* Requests, then chunks; of each the older first. */
active proctype HostSends() {
    byte call, where, at;
end:
    do
    :: atomic { len(up) < LENGTH && (HAS_SMALL(0) || HAS_SMALL_SECOND || HAS_CHUNK) ->
          if
          :: HAS_SMALL(0) -> host_sends(0)
          :: !HAS_SMALL(0) && HAS_SMALL_SECOND -> host_sends(CALLS - 1)
          :: else -> host_sends_chunk()
          fi;
          call = 0; where = 0; at = 0 }
    od
}

/* ---- time ---- */

#define WORKING(call) (key[call] == QUEUED || (sending[call] && AFTER(host_limit, device_position)))
#define QUIET(call) \
    (!opening && !flying[call] && !PENDING(call) && !WORKING(call) && !(open[call] && CREDITS))
#define WAITS_UPLOAD(call) (upload[call] == ASKED)
#define WAITS_INFERENCE(call) (inference[call] != HELD && inference[call] != GONE)
#define DUE(call) ((WAITS_UPLOAD(call) && silent_upload[call]) || (WAITS_INFERENCE(call) && silent_inference[call]))
#define NOT_YET(call) \
    ((WAITS_UPLOAD(call) && !silent_upload[call]) || (WAITS_INFERENCE(call) && !silent_inference[call]))

inline repeat_inference(again) {
    if
    :: inference[again] == RECEIVING ->
       nak[again] = missing[again];
       if :: !probing -> ping = 1 :: else fi
    :: inference[again] == RELEASING -> release[again] = 1
    :: else -> infer[again] = 1
    fi
}

inline fire(late) {
    if
    :: WAITS_UPLOAD(late) && silent_upload[late] ->
       silent_upload[late] = 0; commit[late] = 1;
#if PATIENCE > 0
       idle_upload[late]++
#endif
    :: else
    fi;
    if
    :: WAITS_INFERENCE(late) && silent_inference[late] ->
       silent_inference[late] = 0; repeat_inference(late);
#if PATIENCE > 0
       idle_inference[late]++
#endif
    :: else
    fi
#if PATIENCE > 0
    ;
    if
    :: idle_upload[late] > PATIENCE || idle_inference[late] > PATIENCE -> end_call(late); failed[late] = 1
    :: else
    fi
#endif
}

proctype Timer(byte call) {
end:
    do
    :: atomic { QUIET(call) && NOT_YET(call) ->
          if :: WAITS_UPLOAD(call) -> silent_upload[call] = 1 :: else fi;
          if :: WAITS_INFERENCE(call) -> silent_inference[call] = 1 :: else fi }
    :: atomic { QUIET(call) && !NOT_YET(call) && DUE(call) -> fire(call) }
    :: atomic { QUIET(call) && NOT_YET(call) && DUE(call) -> fire(call) }
#if EARLY > 0
    :: atomic { early < EARLY && !opening && WAITS_UPLOAD(call) && !commit[call] -> early++; commit[call] = 1 }
    :: atomic { early < EARLY && !opening && WAITS_INFERENCE(call) && !infer[call] -> early++; repeat_inference(call) }
#endif
    od
}

#ifdef OLD_PROBE
#define ASKS_FOR_CREDITS (BLOCKED && upload[HEAD] == SENDING)
#else
#define ASKS_FOR_CREDITS BLOCKED
#endif

active proctype Prober() {
end:
    do
    :: atomic { !opening && !flying_credits && !flying_chunks && !ping && !credit && (probing || ASKS_FOR_CREDITS) -> ping = 1 }
#if CUTS > 0
    :: atomic { opening && !flying_credits && !hello -> hello = 1 }
#if EARLY > 0
    :: atomic { opening && early < EARLY && !hello -> early++; hello = 1 }
#endif
#endif
    od
}

/* ---- the device ---- */

inline see(there) {
    assert(!AFTER(there, device_granted)); /* the host keeps to its grant */
    if :: AFTER(there, consumed) -> consumed = there :: else fi
}

inline grant() {
    if
    :: AHEAD(consumed + WINDOW, device_granted) >= (WINDOW + 1) / 2 ->
       device_granted = (consumed + WINDOW) % WRAP; put(down, CREDIT, 0, device_granted, 0, 0)
    :: else
    fi
}

inline turn_to(fresh) {
    slot[fresh] = FILLING; slot_number[fresh] = which; marked[fresh] = 0; next[fresh] = 0; parked[fresh] = 0
}

inline try_to_finish(whole) {
    if
    :: marked[whole] == ALL(UP) ->
       slot[whole] = COMMITTED; marked[whole] = 0; next[whole] = 0; parked[whole] = 0;
       put(down, COMMIT, whole, 0, 0, slot_number[whole]);
       if :: key[whole] == WAITING && key_number[whole] == slot_number[whole] -> key[whole] = QUEUED :: else fi
    :: else
    fi
}

/* The slot may turn to this upload: it is newer, and no inference uses the slot, or it is what the inference waits for. */
#define NEWER(call) (slot_number[call] != which)
#define IN_USE(call) ((key[call] == WAITING && key_number[call] != which) || key[call] == QUEUED)

inline device_takes_chunk(good) {
    see(PAST(where));
    if :: NEWER(call) && !IN_USE(call) -> turn_to(call) :: else fi;
    if
    :: !NEWER(call) && slot[call] == FILLING && !(marked[call] & (1 << what)) ->
       at = (good -> what : what + 1);
       if :: good -> marked[call] = marked[call] | (1 << what) :: else fi;
       if
       :: what < next[call] && !good -> put(down, NAK, call, 1 << what, 0, which)
       :: next[call] < at -> put(down, NAK, call, ALL(at) & ~ALL(next[call]), 0, which)
       :: else
       fi;
       if :: what >= next[call] -> next[call] = what + 1 :: else fi;
       if :: good && parked[call] -> try_to_finish(call) :: else fi
    :: else
    fi;
    grant()
}

inline device_commits() {
    see(where);
    if :: NEWER(call) && !IN_USE(call) -> turn_to(call) :: else fi;
    if
    :: NEWER(call) || slot[call] == EMPTY -> put(down, ERROR, call, GONE_OR_NO_INPUT, 0, which)
    :: !NEWER(call) && slot[call] == COMMITTED -> put(down, COMMIT, call, 0, 0, which)
    :: !NEWER(call) && slot[call] == FILLING ->
       if
       :: marked[call] == ALL(UP) -> try_to_finish(call)
       :: else ->
          at = (parked[call] -> ALL(UP) & ~marked[call] : ALL(UP) & ~ALL(next[call]));
          if :: at -> put(down, NAK, call, at, 0, which) :: else fi;
          parked[call] = 1; next[call] = UP
       fi
    fi;
    grant()
}

inline device_infers() {
    if
    :: key_number[call] != which -> key_number[call] = which; key[call] = UNKNOWN; sending[call] = 0
    :: else
    fi;
    if
    :: key[call] == UNKNOWN ->
       key[call] = (slot[call] == COMMITTED && !NEWER(call) -> QUEUED : WAITING);
       put(down, INFER, call, STATE(call), 0, which)
    :: key[call] == WAITING || key[call] == QUEUED -> put(down, INFER, call, STATE(call), 0, which)
    :: key[call] == HOLDING || key[call] == CACHED ->
       key[call] = HOLDING;
       put(down, INFER, call, 3, 0, which); put(down, RESULT, call, 0, 0, which); sending[call] = ALL(DOWN)
    :: key[call] == FINISHED -> put(down, ERROR, call, (fault[call] -> RUN_FAILED : GONE_OR_NO_INPUT), 0, which)
    fi
}

inline clear(vacant) {
    slot[vacant] = EMPTY; slot_number[vacant] = 1 - number[vacant]; marked[vacant] = 0; next[vacant] = 0; parked[vacant] = 0
}

/* Of an older session: its work is cancelled and not remembered, and results are kept. */
inline new_session(ours) {
    clear(ours);
    sending[ours] = 0;
    if
    :: key[ours] == WAITING || key[ours] == QUEUED -> key[ours] = UNKNOWN
    :: key[ours] == HOLDING -> key[ours] = CACHED
    :: else
    fi
}

#ifdef OLD_RESUME
#define REPEATED false
#else
#define REPEATED (session == where)
#endif

/* A repetition gets the same answer again, and has the effect of a HELLO that resumes. */
inline device_opens() {
    if
    :: !REPEATED && session != what -> /* another session */
       for (each : 0 .. CALLS - 1) { new_session(each) }
       resumed = 0
    :: !REPEATED && session == what -> resumed = 1
    :: else
    fi;
    for (each : 0 .. CALLS - 1) {
        sending[each] = 0;
        if :: slot[each] == FILLING -> clear(each) :: else fi
    }
    session = where; consumed = 0; device_granted = WINDOW; device_position = 0; host_limit = HOST_WINDOW;
    put(down, HELLO, 0, resumed, where, 0)
}

inline end_key(done) {
#ifdef OLD_KEYS
    key[done] = UNKNOWN
#else
    key[done] = FINISHED
#endif
#if KEYS > 0
    ;
    if
    :: done == 0 -> newer = 0
    :: done != 0 && key[0] == FINISHED ->
       newer++;
       if :: newer == KEYS -> newer = 0; key[0] = UNKNOWN :: else fi
    :: else
    fi
#endif
}

inline device_takes() {
    if
    :: kind == HELLO -> device_opens()
    :: kind == DATA -> flying_chunks--; device_takes_chunk(true)
    :: kind == DAMAGED -> flying_chunks--; device_takes_chunk(false)
    :: kind == COMMIT -> device_commits()
    :: kind == INFER -> device_infers()
    :: kind == CREDIT -> host_limit = what
    :: kind == PING ->
       see(where); device_granted = (consumed + WINDOW) % WRAP; put(down, PING, 0, device_granted, device_position, 0)
    :: kind == NAK ->
       if :: key[call] == HOLDING && key_number[call] == which -> sending[call] = sending[call] | what :: else fi
    :: kind == RELEASE ->
       if
       :: key[call] == HOLDING && key_number[call] == which ->
          sending[call] = 0; end_key(call)
       :: else
       fi;
       put(down, RELEASE, call, 0, 0, which)
    fi
}

#define CAN_SEND(call) (sending[call] && AFTER(host_limit, device_position))

inline device_sends(theirs) {
    at = LOWEST(sending[theirs]);
    sending[theirs] = sending[theirs] & ~(1 << at);
    where = device_position;
    device_position = PAST(device_position);
    put(down, DATA, theirs, at, where, key_number[theirs])
}

inline device_runs(first_) {
    assert(runs[first_] == 0); /* nothing runs twice */
    runs[first_]++;
    if
    :: key[first_] = HOLDING; fault[first_] = 0; sending[first_] = ALL(DOWN); put(down, RESULT, first_, 0, 0, key_number[first_])
#ifdef FAILING
    :: fault[first_] = 1; end_key(first_); put(down, ERROR, first_, RUN_FAILED, 0, key_number[first_])
#endif
    fi
}

active proctype DeviceTakes() {
    mtype kind; byte call, what, where, at, each; bit which;
end:
    do
    :: atomic { len(down) < LENGTH && len(up) > 0; up ? kind, call, what, where, which ->
          if :: kind == DAMAGED -> fly(DATA, call, -1) :: else -> fly(kind, call, -1) fi;
          device_takes();
          kind = 0; call = 0; what = 0; where = 0; which = 0; at = 0; each = 0 }
    od
}

#if CALLS > 1
#define HAS_WORK_SECOND (key[1] == QUEUED || CAN_SEND(1))
#else
#define HAS_WORK_SECOND false
#endif

active proctype DeviceWorks() {
    byte where, at;
end:
    do
    :: atomic { len(down) < LENGTH && (key[0] == QUEUED || CAN_SEND(0) || HAS_WORK_SECOND) ->
          if
          :: key[0] == QUEUED -> device_runs(0)
          :: key[0] != QUEUED && CAN_SEND(0) -> device_sends(0)
          :: else ->
             if
             :: key[CALLS - 1] == QUEUED -> device_runs(CALLS - 1)
             :: else -> device_sends(CALLS - 1)
             fi
          fi;
          at = 0; where = 0 }
    od
}

/* ---- the connection ---- */

#if CUTS > 0
active proctype Line() {
    byte each;
end:
    do
    :: atomic { cuts < CUTS && !opening ->
          cuts++;
          do :: len(up) > 0 -> up ? _, _, _, _, _ :: len(down) > 0 -> down ? _, _, _, _, _ :: else -> break od;
          for (each : 0 .. CALLS - 1) { flying[each] = 0 }
          flying_credits = 0; flying_chunks = 0; each = 0;
          host_restarts(); each = 0;
#ifdef TAKEOVER
          /* Another host was there in the meantime: its session has no number of ours. */
          if
          :: session = 255;
             for (each : 0 .. CALLS - 1) { new_session(each) }
             each = 0
          :: skip
          fi
#endif
       }
    od
}
#endif

/* ---- what has to hold ---- */

#if CALLS > 1 && !defined(ENDLESS)
#define ENDED (ended[0] && ended[1])
#else
#define ENDED (ended[0])
#endif

/* While this process waits, a state from which nothing happens is an error. */
active proctype Ends() {
    atomic {
        run Timer(0);
#if CALLS > 1
        run Timer(1)
#endif
    }
    ENDED
}

ltl every_call_ends { <> ENDED }
