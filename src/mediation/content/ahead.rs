//! Large messages are worked on beside the worker: their trees are made, searched and written there, so that a mediator, which
//! never waits, finds what it asks for, and no other connection waits for a tree (design 2).

use std::sync::Arc;

use parking_lot::Mutex;

use crate::exchange::{Body, Exchange, Fault};
use crate::mediation::expression::Expression;
use crate::mediation::mediator::{Mediator, Scene};
use crate::mediation::sender::Sender;
use crate::soap::content::{Content, Extent};
use crate::transport::head::RequestHead;

/// True for a message that is to be worked on beside the worker.
pub(in crate::mediation) fn is_large(x: &Exchange) -> bool {
    x.content().is_some_and(Content::is_large)
}

/// Does long work on a value elsewhere, and gives it back whatever came of it.
pub(super) async fn elsewhere<T: Send + 'static>(
    value: T,
    begun: bool,
    sender: &dyn Sender,
    work: impl FnOnce(&mut T) + Send + 'static,
) -> (Option<T>, Result<(), Fault>) {
    let slot = Arc::new(Mutex::new(Some(value)));
    let own = slot.clone();
    let job = Box::new(move || {
        if let Some(value) = own.lock().as_mut() {
            work(value);
        }
    });
    let done = sender.compute(job, begun);
    let done = done.await;
    (slot.lock().take(), done)
}

/// Lets go of what was made of a large message that goes on as bytes: whoever looks into it again has it made again.
pub(in crate::mediation) async fn let_go(x: &mut Exchange, sender: &dyn Sender) {
    if is_large(x)
        && let Some(content) = x.take_content()
    {
        // Giving a large tree back takes its time too. Where no more can wait it is given back here.
        let _ = sender.compute(Box::new(move || drop(content)), true).await;
    }
}

/// Has everything ready that a mediator is going to look at: the tree, and what its expressions find in it.
pub(in crate::mediation) async fn look_ahead(
    x: &mut Exchange,
    mediator: &dyn Mediator,
    scene: &Scene<'_>,
    sender: &dyn Sender,
) -> Result<(), Fault> {
    let Some(content) = x.content() else {
        return Ok(());
    };
    content.forget_findings();
    let asked = mediator.asks(scene).into_iter();
    let asked: Vec<Expression> = asked
        .filter(|expression| expression.extent(x).is_some())
        .cloned()
        .collect();
    let begun = content.was_viewed();
    let viewed = mediator.extent(scene) == Some(Extent::Whole) && !begun;
    if asked.is_empty() && !viewed {
        return Ok(());
    }
    // Nobody looks at it meanwhile: whoever serves the exchange waits here.
    let stand_in = Exchange::new(x.arrival, x.started, RequestHead::default(), Body::Empty);
    let away = std::mem::replace(x, stand_in);
    let (back, done) = elsewhere(away, begun, sender, move |x: &mut Exchange| {
        if let (true, Some(content)) = (viewed, x.content()) {
            // An error is the same for whoever asks next.
            let _ = content.view();
        }
        for expression in &asked {
            expression.look_ahead(x);
        }
    })
    .await;
    if let Some(back) = back {
        *x = back;
    }
    done
}
