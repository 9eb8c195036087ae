"""The simulated firm that several files ask: whose it is, its night, and what is built of it."""

from sandbox.simulate import Parameters

NIGHT = "2018-01-02"
PARAMETERS = Parameters(customers=1_500, days=300, seed=11)
MODELS = (
    "--select",
    # orders and the campaigns that caused them
    *("+fct_campaign_orders", "+fct_vendor_orders"),
    # deals and tickets
    *("+rpt_pipeline", "+fct_tickets", "+int_crm__staff"),
    # messages
    *("+rpt_flow_performance", "+rpt_message_variations", "+rpt_channel_months"),
    *("+rpt_campaign_performance", "+rpt_campaign_overload", "+dim_contact_pressure"),
    *("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"),
)
